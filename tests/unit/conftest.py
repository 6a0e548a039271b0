"""Fixtures of the unit tests."""

import pytest

import audited
import explored


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> audited.Audited:
    """A small audit, from a table of sentences to pages."""
    return audited.write(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="session")
def explored_page(done: audited.Audited, tmp_path_factory: pytest.TempPathFactory) -> explored.Explored:
    """The explorer's page of that audit."""
    return explored.write(done, tmp_path_factory.mktemp("explorer"))
