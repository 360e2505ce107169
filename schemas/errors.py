"""The root of every error that evctl reports in one sentence."""


class EvctlError(Exception):
    """An error whose text tells the person who can mend it: what, where, which limit, what to do.

    The command line prints the text and ends with `exit_code`; a traceback only with `--debug`.
    """

    exit_code = 1
