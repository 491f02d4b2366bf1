"""Drawing the blueprint of a rung: its units, and who may talk to whom."""

import json
from dataclasses import asdict, replace
from urllib.parse import quote, urlsplit

from central_baseline.composition.databases import ONE_COPY, TWO_COPIES
from central_baseline.composition.edges import NAME_SERVERS
from central_baseline.composition.storefront import public_key_of
from central_baseline.manifests.blueprint import (
    FILES,
    STATE,
    Allowed,
    Blueprint,
    Container,
    File,
    Port,
    Unit,
)
from central_baseline.manifests.options import ORIGIN, ManifestOptions, ManifestSecrets
from central_baseline.manifests.units import (
    ADMIN,
    AGENT,
    ANYWHERE,
    CACHE,
    DRAIN_S,
    HERE,
    POSTGRES,
    PRIMARY,
    PUBLIC_WEB,
    RAFT,
    WEB,
    balancer_unit,
    cache_unit,
    database_container,
    edge_unit,
    name_server_unit,
    node_places,
    node_unit,
    proxy_container,
    web_container,
)
from central_baseline.servers.patroni import Cluster, ClusterSecrets
from central_baseline.servers.postgres import DATABASE, SUPERUSER, PostgresSize
from central_baseline.web.settings import WebSettings

ADDRESSES = "172.28.7."  # of a compose network, where edges need fixed ones
FIRST_EDGE, ORIGIN_ADDRESS = 11, f"{ADDRESSES}10"


def compose_addresses(options: ManifestOptions) -> dict[str, str]:
    """Fixed addresses of the edges and the origin on one machine's own network."""
    found = {ORIGIN: ORIGIN_ADDRESS}
    for number, region in enumerate(options.rung.regions, start=FIRST_EDGE):
        found[region] = f"{ADDRESSES}{number}"
    return found


def draw(
    options: ManifestOptions, secrets: ManifestSecrets, delivery_pem: bytes
) -> Blueprint:
    """The rung on machines of its own. `delivery_pem` is the private key of which
    shoppers' pages get the public half."""
    return _Drawing(options, secrets, "0x" + public_key_of(delivery_pem).hex()).whole()


class _Drawing:
    def __init__(
        self, options: ManifestOptions, secrets: ManifestSecrets, delivery_key: str
    ) -> None:
        self._options = options
        self._rung = options.rung
        self._secrets = secrets
        self._delivery_key = delivery_key
        self._nodes = node_places(options.replicas + 1) if self._rung.replicas else []
        self._units: list[Unit] = []
        self._allowed: list[Allowed] = []

    def whole(self) -> Blueprint:
        self._add_databases()
        self._add_web()
        if self._rung.cached:
            self._units.append(cache_unit(self._secrets.cache))
            self._allow(self._named("web"), ["cache"], CACHE)
        if self._rung.balanced:
            apps = self._named("web")
            balancer = balancer_unit(apps, self._options.names_move)
            address = self._options.addresses.get(ORIGIN)
            self._units.append(replace(balancer, address=address))
            self._allow(["balancer"], apps, WEB)
        self._add_edges()
        rung = self._rung
        outside = self._outside()
        return Blueprint(rung.name, rung.lesson, self._units, self._allowed, outside)

    def _outside(self) -> dict[str, tuple[int, ...]]:
        if self._options.database_dsn is not None:
            port = urlsplit(self._options.database_dsn).port or POSTGRES
            return {name: (port,) for name in (*self._named("web"), "setup")}
        ports = tuple(
            sorted({int(host.rpartition(":")[2]) for host in self._options.etcd_hosts})
        )
        return {name: ports for name in self._named("database") if ports}

    def _named(self, role: str) -> list[str]:
        return [unit.name for unit in self._units if unit.role == role]

    def _allow(self, sources: list[str], targets: list[str], *ports: int) -> None:
        self._allowed += [
            Allowed(source, target, ports)
            for source in sources
            for target in targets
            if source != target
        ]

    def _add_databases(self) -> None:
        size = self._rung.database
        if self._nodes:
            cluster = self._cluster()
            self._units += [node_unit(node, cluster, size) for node in self._nodes]
            names = self._named("database")
            among = (POSTGRES, AGENT) if cluster.etcd_hosts else (POSTGRES, AGENT, RAFT)
            self._allow(names, names, *among)
        elif not self._rung.together and self._options.database_dsn is None:
            postgres = database_container(size, self._database_settings())
            ports = (Port("postgres", POSTGRES),)
            self._units.append(Unit("database", "database", (postgres,), ports))
        self._units.append(self._setup())
        self._allow(["setup"], self._named("database"), POSTGRES)

    def _add_web(self) -> None:
        size = self._rung.web
        cores = 1.0 if size.pinned else None
        if self._rung.together:
            containers = (
                database_container(self._rung.database, self._database_settings()),
                *self._web_containers("server", cores),
            )
            ports = (
                Port("http", WEB, public=PUBLIC_WEB),
                Port("postgres", POSTGRES),
                Port("admin", ADMIN),
            )
            self._units.append(Unit("server", "server", containers, ports))
            self._allow(["setup"], ["server"], POSTGRES)
            return
        public = None if self._rung.balanced else PUBLIC_WEB
        for number in range(1, self._options.servers + 1):
            name = f"app{number}"
            containers = self._web_containers(name, cores)
            if self._nodes:
                proxy = proxy_container(self._nodes, self._options.names_move)
                containers = (*containers, proxy)
            doors = (Port("http", WEB, public=public), Port("admin", ADMIN))
            self._units.append(Unit(name, "web", containers, doors))
        self._allow(self._named("web"), self._named("database"), POSTGRES)
        if self._nodes:
            self._allow(self._named("web"), self._named("database"), AGENT)

    def _add_edges(self) -> None:
        rung = self._rung
        for region in rung.regions:
            self._units.append(edge_unit(region, self._options.addresses[region]))
        edges = self._named("edge")
        self._allow(edges, ["balancer"] if edges else [], WEB)
        if rung.regions:
            for number in range(1, NAME_SERVERS + 1):
                self._units.append(name_server_unit(number, self._options))
            self._allow(self._named("dns"), edges, WEB)

    def _web_containers(self, app: str, cores: float | None) -> tuple[Container, ...]:
        workers = self._rung.web.workers
        return tuple(
            web_container(self._web_settings(app, number, workers), cores)
            for number in range(workers)
        )

    def _web_settings(self, app: str, number: int, workers: int) -> WebSettings:
        rung, secrets = self._rung, self._secrets
        copies = TWO_COPIES.format(n=self._options.replicas)
        cache = f"valkey://:{secrets.cache}@cache:{CACHE}" if rung.cached else None
        return WebSettings(
            name=app,
            host=ANYWHERE,
            port=WEB,
            admin_host=ANYWHERE,
            admin_port=ADMIN + number,
            admin_token=secrets.rung.admin_token,
            primary_dsn=self._dsn("shop", secrets.rung.shop, self._primary_place()),
            connections=rung.web.connections,
            reading_connections=rung.web.reading_connections,
            drain_s=DRAIN_S if rung.balanced else 0.0,
            share_port=workers > 1,
            replica_dsns=tuple(
                self._dsn("shop", secrets.rung.shop, node.postgres)
                for node in self._nodes
            ),
            cache_address=cache,
            page={
                "world": "central",
                "rung": rung.name,
                "durability": copies if self._nodes else ONE_COPY,
                "delivery_key": self._delivery_key,
            },
        )

    def _primary_place(self) -> str:
        if self._nodes:
            return f"{HERE}:{PRIMARY}"
        if self._options.database_dsn is not None:
            return urlsplit(self._options.database_dsn).netloc.rpartition("@")[2]
        return f"{HERE}:{POSTGRES}" if self._rung.together else f"database:{POSTGRES}"

    def _dsn(self, role: str, password: str, place: str) -> str:
        return f"postgresql://{role}:{quote(password, safe='')}@{place}/{DATABASE}"

    def _cluster(self) -> Cluster:
        own = self._secrets.rung
        passwords = ClusterSecrets(
            own.superuser,
            own.replication,
            own.rewind,
            own.admin_token,
            self._secrets.raft,
        )
        return Cluster(
            self._nodes,
            passwords,
            PostgresSize(**self._size()),
            self._options.etcd_hosts,
            clients="all",
        )

    def _size(self) -> dict[str, int]:
        size = asdict(self._rung.database)
        del size["pinned"]
        return size

    def _database_settings(self) -> dict[str, object]:
        own = self._secrets.rung
        return {
            "folder": STATE,
            "listen": ANYWHERE,
            "port": POSTGRES,
            "size": self._size(),
            "passwords": {
                "superuser": own.superuser,
                "shop": own.shop,
                "auditor": own.auditor,
            },
        }

    def _setup(self) -> Unit:
        """Roles, database and schema, made once whichever node is the primary."""
        own = self._secrets.rung
        dsn = self._options.database_dsn
        if dsn is None:
            places = [node.postgres for node in self._nodes] or [
                f"{'server' if self._rung.together else 'database'}:{POSTGRES}"
            ]
            rest = "?target_session_attrs=read-write" if self._nodes else ""
            login = f"{SUPERUSER}:{own.superuser}"
            dsn = f"postgresql://{login}@{','.join(places)}/postgres{rest}"
        settings = {
            "dsn": dsn,
            "passwords": {
                "superuser": own.superuser,
                "shop": own.shop,
                "auditor": own.auditor,
            },
        }
        text = json.dumps(settings, indent=2)
        container = Container(
            "setup",
            ("python", "-m", "central_baseline.manifests.setup", f"{FILES}/setup.json"),
            files=(File("setup.json", text, secret=True),),
        )
        return Unit("setup", "setup", (container,), once=True)
