/** A process that reads variables. */
export type Process = 'Sidecar' | 'Manager' | 'Relay'
type Meanings = Readonly<Record<string, string>>

const COMMON: Meanings = {
  POD_IP: 'Address on which the process listens.',
  LOG_LEVEL: 'Least severe level that is logged.',
}
const SPANS: Meanings = {
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'Where spans go, path included. Without it and the next one, no spans.',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'Where spans go, without the path `/v1/traces`.',
}
const VIA = 'Name of the process in the `Via` field of requests. Empty: no `Via`.'

/** The meaning of each variable of a process. Names, values and defaults come from the code. */
export const MEANINGS: Readonly<Record<Process, Meanings>> = {
  Sidecar: {
    ...COMMON,
    BRANCHLINE_INBOUND:
      'Listeners, with commas: `LISTEN=APP/PROTOCOL`, such as `25001=8080/http`. Required. The injection sets it.',
    BRANCHLINE_ADMIN_PORT: 'Port for health, metrics and the route table.',
    POD_IP:
      'Address of the pod. The sidecar listens on all addresses, or on this one alone if it is a loopback address, as in the embedded cluster.',
    POD_IPS: 'All addresses of the pod, with commas. The app is looked for at them.',
    BRANCHLINE_APP_HOST:
      "Address on which the app of the pod listens. Empty: the first of 127.0.0.1, ::1 and the pod's addresses that takes a connection.",
    BRANCHLINE_MANAGER: 'WebSocket URL of the manager.',
    BRANCHLINE_TOKEN_FILE: "File with the pod's token. The sidecar reads it at each connect.",
    BRANCHLINE_HEADER: 'Further header that carries the key, for example of another tool. Empty: none.',
    BRANCHLINE_ID_HEADERS:
      'Id headers that apps get if they have none, with commas; also `x-cloud-trace-context`, or `none`.',
    BRANCHLINE_VIA: VIA,
    BRANCHLINE_ENTRY_DOMAIN:
      'Domain below which the host of a visitor means a key: with shop.example.com, alice.shop.example.com means alice. The annotation branchline.dev/entry-domain sets it.',
    BRANCHLINE_BALANCING: 'How an endpoint is chosen.',
    BRANCHLINE_ACCESS_LOG:
      '`off`, `errors` (no response, or a 5xx), `sample:N` (one of N, and errors) or `all`.',
    BRANCHLINE_ROUTE_EXPLAIN: 'Whether a request may ask for its route.',
    ...SPANS,
  },
  Manager: {
    ...COMMON,
    BRANCHLINE_SOURCE: 'Where the manager reads objects.',
    BRANCHLINE_LOCAL_API: 'Socket of the embedded cluster. Required with the source `local`.',
    BRANCHLINE_CLUSTER: 'Name of this cluster at the relay.',
    BRANCHLINE_RELAY: 'URL of the relay, `ws://` or `wss://`. Empty: no previews.',
    BRANCHLINE_RELAY_TOKEN: 'Credential of the cluster at the relay. Required with `BRANCHLINE_RELAY`.',
    BRANCHLINE_ROUTES_PORT: 'Port for sidecars.',
    BRANCHLINE_ADMIN_PORT: 'Port for health, metrics and the plan.',
    BRANCHLINE_NAMESPACE: "Namespace of the replicas' Lease.",
    HOSTNAME: 'Name of this replica. Kubernetes sets it to the name of the pod.',
    BRANCHLINE_GATHER_MS: 'How long changes are gathered into one epoch.',
    BRANCHLINE_POD_MESSAGES:
      'Whether a status, and the response to a visitor, quote the last line of a container that failed. The exit code is always named.',
    BRANCHLINE_CHECK_POD_ADDRESS:
      "Whether a sidecar's token is accepted only from an address of its pod. Off with the source `local`.",
  },
  Relay: {
    ...COMMON,
    ...SPANS,
    BRANCHLINE_DOMAIN: 'Domain of previews. Their hosts are `<label>.<domain>`.',
    BRANCHLINE_INDEX:
      'Unix socket of a server that answers requests for the domain itself. Empty: a page that lists nothing.',
    BRANCHLINE_PUBLIC_URL: 'How visitors reach the domain: scheme, host and port.',
    BRANCHLINE_RELAY_TOKEN:
      'Credentials of clusters, with commas: `token`, or `cluster:token` for one cluster. Required.',
    BRANCHLINE_TRACE: "Whether a visitor's trace restarts, or is kept.",
    BRANCHLINE_HEADER: 'Header in which sidecars read a key too. The relay removes it from requests.',
    BRANCHLINE_ROUTE_EXPLAIN: 'Whether visitors may ask for the route of a request.',
    BRANCHLINE_VIA: VIA,
    BRANCHLINE_ROLE: 'Roles of the process.',
    DATABASE_URL: 'PostgreSQL of a coordinator, `postgres://…`. Empty: it runs its own.',
    BRANCHLINE_API_PORT: 'Port of a coordinator, for its API and for workers.',
    BRANCHLINE_COORDINATORS:
      'URLs of coordinators, with commas. A worker tries them in turn. Required for the role `worker`.',
    BRANCHLINE_JOIN_TOKEN: 'Token with which a worker joins. A coordinator accepts it (`blj_…`).',
    BRANCHLINE_OWNER_KEY:
      'API key with all rights (`blk_…`). `new`: made at the first start, and shown once. `none`: `--new-owner-key` makes one.',
    BRANCHLINE_ETCD:
      'URLs of etcd, with commas, over which circuits also reach workers. Coordinators and workers need the same. Empty: none.',
    BRANCHLINE_ETCD_TLS:
      'Folder with `ca.crt` for etcd, and `tls.crt` and `tls.key` if the relay has a certificate there. Empty: the authorities of Node.js.',
    BRANCHLINE_ETCD_USER: 'Folder with the files `username` and `password` of a user of etcd. Empty: none.',
    BRANCHLINE_JOIN_TOKEN_FILE: 'File with that token.',
    BRANCHLINE_WORKER_NAME: 'Name of a worker. It is unique. Empty: the name of the host.',
    BRANCHLINE_WORKER_GROUP: 'Group of a worker. All workers of a group serve the same circuits.',
    BRANCHLINE_WORKER_LABELS: 'Labels of a worker, `name=value` with commas, for the selectors of circuits.',
    BRANCHLINE_PORTS: 'Range of ports for circuits, such as `30000-30999`. Empty: none.',
    BRANCHLINE_ADVERTISE_HOST: 'Host at which other workers and clusters reach this worker. Empty: `POD_IP`.',
    BRANCHLINE_ADVERTISE_TUNNEL: 'WebSocket URL at which clusters reach exactly this worker.',
    BRANCHLINE_MAX_CIRCUITS: 'Circuits that a worker can serve.',
    BRANCHLINE_ALLOW_TARGETS:
      'Addresses and CIDR ranges, with commas, that circuits may name although they are not public.',
    BRANCHLINE_STATE_DIR:
      "Folder of a coordinator's own PostgreSQL, and of a worker's credential and last table. Empty: a temporary one.",
    BRANCHLINE_STATE_DURABLE: "Whether a coordinator's own PostgreSQL survives a crash of the system.",
    BRANCHLINE_FRONTS_HEADER:
      'The field in which the proxies of `BRANCHLINE_FRONTS` name their client: `x-forwarded-for`, `forwarded` or `none`. They must append to it, or replace it.',
    BRANCHLINE_PROXY_PROTOCOL:
      'Addresses and CIDR ranges, with commas, of load balancers whose connections begin with a header of the PROXY protocol, version 1 or 2.',
    BRANCHLINE_FRONTS:
      'Addresses and CIDR ranges, with commas, of proxies in front of the relay. The limits for one address apply to the clients that they name, not to them.',
    BRANCHLINE_HTTP_PORT: 'Port for visitors.',
    BRANCHLINE_TLS_DIR:
      'Folder of certificates for visitors: `name.crt` and `name.key`, and mounted Secrets with `tls.crt` and `tls.key`. It is watched. Empty: none.',
    BRANCHLINE_ACME_TERMS:
      "`agreed`: certificates are ordered of an ACME authority, and you agree to its terms. By HTTP: its `http://HOST/.well-known/acme-challenge/` must reach the relay's port for visitors.",
    BRANCHLINE_ACME_NAMES:
      'Names for which a certificate is always ordered, with commas. A wildcard needs `BRANCHLINE_ACME_DNS_HOOK`.',
    BRANCHLINE_ACME_ON_DEMAND:
      'Whether a certificate is ordered at the first use of a host that leads to a circuit. Mind the rate limits of the authority; a wildcard is better for previews.',
    BRANCHLINE_ACME_EMAIL: 'Address to which the authority writes.',
    BRANCHLINE_ACME_DNS_HOOK:
      'Program that proves names by DNS: `HOOK present|remove RECORD VALUE`. It ends with 0 once the name servers have the TXT record. Empty: names are proved by HTTP.',
    BRANCHLINE_ACME_URL: "Directory of the authority. Default: Let's Encrypt.",
    BRANCHLINE_ACME_CA_FILE: 'PEM file of authorities that are trusted for that URL. Empty: the public ones.',
    BRANCHLINE_ACME_DIR:
      'Folder of the account and the certificates. Several workers may share it: one of them orders. Empty: `acme` in `BRANCHLINE_STATE_DIR`.',
    BRANCHLINE_SELF_SIGNED:
      'Whether an authority for development issues the certificates that are not in the folder. `branchline trust` installs it.',
    XDG_DATA_HOME: 'Data folder of the user, in which that authority is. Empty: `~/.local/share`.',
    BRANCHLINE_HTTPS_PORT: 'Port for visitors with TLS, if there are certificates. Empty: 8443.',
    BRANCHLINE_HTTPS_REDIRECT: 'Whether requests without TLS are redirected to HTTPS.',
    BRANCHLINE_HSTS_SECONDS: 'The `max-age` of `Strict-Transport-Security`. 0: no such field.',
    BRANCHLINE_TUNNEL_PORT: "Port for clusters' tunnels.",
    BRANCHLINE_ADMIN_PORT: 'Port for health, metrics and the registered hosts.',
  },
}

/** Variables of the command line. */
export const COMMANDS: Meanings = {
  BRANCHLINE_API:
    "URL of a relay's API (`branchline circuit`, `branchline relay`). Default: that of `relay login`, of the running `up`, or `http://127.0.0.1:6120`.",
  BRANCHLINE_API_KEY: 'API key for it.',
  XDG_CONFIG_HOME:
    'Folder of settings, in which `branchline relay login` stores a key. Default: `~/.config`.',
  BRANCHLINE_RELAY_URL: 'URL at which visitors reach the relay (`branchline circuit forward`).',
  BRANCHLINE_TOKEN: 'Access token for circuits of the relay (`branchline circuit forward`).',
}

/** Variables of tests and of developers' commands. */
export const DEVELOPMENT: Meanings = {
  BRANCHLINE_PEBBLE: "Program of Pebble, Let's Encrypt's test server. Default: `pebble` on the PATH.",
  BASE_IMAGE: 'Base of all images (`npm run images`, `npm run kind`).',
  FOREIGN_BASE_IMAGE: 'Another base for the images with Python.',
  KIND_CLUSTER: 'Name of the kind cluster. Default: `branchline`.',
  KIND_NODE_IMAGE: "Image of the kind cluster's nodes.",
  GITOPS_REMOTE: 'Git server of the GitOps story, from this machine.',
  GITOPS_REPOSITORY: 'The same, from the cluster.',
  BRANCHLINE_TARGET: 'Target of the e2e stories: `embedded` (default) or `kind`.',
  BRANCHLINE_CONTEXT: 'kubectl context of the target `kind`.',
  BRANCHLINE_SLOW: '`1`: the fault campaigns run at full length (`npm run test:slow` sets it).',
  BRANCHLINE_CAMPAIGN_MS: 'Length of a fault campaign.',
  BRANCHLINE_CAMPAIGN_SEED: 'Seed of a fault campaign, to repeat a run.',
  BRANCHLINE_PEERS:
    '`build`: build the peers of the tests with Go: h2spec, grpc-go, the EndpointSlice controller (`npm run test:peers` sets it).',
  BRANCHLINE_SCHEMATHESIS:
    'Program of schemathesis, for the fuzzer of the API. Default: `schemathesis` on the PATH.',
  BRANCHLINE_TEST_LOG: 'Set: relays that tests start in processes of their own log to standard error.',
  BRANCHLINE_PYTHON: 'Python with grpcio, for the tests with its gRPC. Default: `python3`.',
  BRANCHLINE_HELM:
    'Helm command of the tests; or `build`: build Helm and kustomize with Go (`npm run test:helm` sets it).',
  BRANCHLINE_TRAEFIK: 'Program of Traefik, for the benchmarks. Default: `traefik` on the PATH.',
  SHOP_DB_PASSWORD: "Password of the sample's database. Default: random for each synthesis.",
}
