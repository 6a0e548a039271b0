"""The one error that a user can mend: it names the place and the remedy."""


class StudyError(ValueError):
    """Bad input or a broken file, told in one line that names the place and what to do."""
