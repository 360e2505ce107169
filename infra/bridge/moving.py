"""An embedded broker that ended comes back at another port, where no client looks for it."""

from infra.broker import control
from infra.log.cluster import EMBEDDED, Cluster
from infra.log.errors import LogUnavailable
from infra.settings import Settings


def look_for_broker(site: Settings, cluster: Cluster) -> None:
    """Raise `LogUnavailable` where the log's broker is another now, or none."""
    if site.log.bootstrap_servers == EMBEDDED:
        endpoint = control.find(site.log.data_dir)
        if endpoint is None or endpoint.bootstrap_servers != cluster.servers:
            raise LogUnavailable(cluster.servers, "its broker has ended")
