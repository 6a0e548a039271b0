"""Fixtures of the unit tests."""

import pytest

import audited


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> audited.Audited:
    """A small audit, from a table of sentences to pages."""
    return audited.write(tmp_path_factory.mktemp("audit"))
