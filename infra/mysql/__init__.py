"""A MySQL server to throw away: for rehearsals, and for trying evctl where there is none.

    with throw_away(site) …        evctl mysql up, info, down

- `control`: `up`, `find` and `down`, whatever kind it is
- `local`: a MariaDB process with a directory of its own
- `container`: a container of a Docker engine, through the Docker SDK
- `server`: where one listens, and the settings that lead to it
- `furnishing`: waiting for it, and the table with its first entry
- `errors`: what can go wrong

Nothing here is needed where a site has a server; see `infra.observation_numbers`.
"""
