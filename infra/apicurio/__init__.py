"""Apicurio Registry on this machine: a schema registry that is not ours, to be tested against.

    from infra.apicurio import Apicurio

    with Apicurio(directory) as registry:
        registry.url

Nothing here is needed to run evctl; `python -m infra.apicurio install` fetches it (140 MB).
"""

from infra.apicurio.server import Apicurio, ApicurioMissing, install

__all__ = ["Apicurio", "ApicurioMissing", "install"]
