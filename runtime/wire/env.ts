/**
 * Environment variables that one part of Branchline sets and another part reads. A variable that only its own process
 * names is in the `config.ts` of that process, and waits and sizes are in `settings/table.ts`.
 */
export const VARIABLES = {
  /** Of a sidecar: its listeners, see `formatInbound`. The injection sets it. */
  inbound: 'BRANCHLINE_INBOUND',
  /** Of a sidecar: the manager's WebSocket URL. */
  manager: 'BRANCHLINE_MANAGER',
  /** Of a sidecar: the file with the token of its pod. */
  tokenFile: 'BRANCHLINE_TOKEN_FILE',
  /** Of a sidecar: the address on which the pod's app listens. */
  appHost: 'BRANCHLINE_APP_HOST',
  /** Of a sidecar and the relay: the configured header, see `parseKeyHeader`. */
  header: 'BRANCHLINE_HEADER',
  /** Of a sidecar: the domain below which hosts mean keys, see `parseEntryDomain`. */
  entryDomain: 'BRANCHLINE_ENTRY_DOMAIN',
  /** Of a sidecar and the relay: whether a request may ask for its path, `allow` or `deny`. */
  routeExplain: 'BRANCHLINE_ROUTE_EXPLAIN',
  /** Of a sidecar and the relay: settings as one JSON object, see `parseSettings`. */
  settings: 'BRANCHLINE_SETTINGS',
  /** Of the manager: the API from which it reads, `kubernetes` or `local`. */
  source: 'BRANCHLINE_SOURCE',
  /** Of the manager: the socket of the embedded cluster's API, see `local-api.ts`. */
  localApi: 'BRANCHLINE_LOCAL_API',
  /** Of the manager: the name of this cluster at the relay. */
  cluster: 'BRANCHLINE_CLUSTER',
  /** Of the manager: the URL of the relay's tunnel port. */
  relay: 'BRANCHLINE_RELAY',
  /** Of the manager: whether a token counts only from the address of its pod, `on` or `off`. */
  checkPodAddress: 'BRANCHLINE_CHECK_POD_ADDRESS',
  /** Of the manager and the relay: the token that managers present to the relay. */
  relayToken: 'BRANCHLINE_RELAY_TOKEN',
  /** Of the relay: the domain of preview URLs. */
  domain: 'BRANCHLINE_DOMAIN',
  /** Of the relay: the URL at which visitors reach it. */
  publicUrl: 'BRANCHLINE_PUBLIC_URL',
  /** Of the relay: the Unix socket of the server that answers requests for the domain itself. */
  index: 'BRANCHLINE_INDEX',
  /** Of the manager: whether people read what a failed container wrote, `show` or `hide`. */
  podMessages: 'BRANCHLINE_POD_MESSAGES',
  /** Of the relay: the folder with its state. */
  stateDirectory: 'BRANCHLINE_STATE_DIR',
  /** Of the relay: whether the state survives a crash of the system, `on` or `off`. */
  stateDurable: 'BRANCHLINE_STATE_DURABLE',
  /** Of the relay: the roles of the process, `all`, `coordinator` or `worker`. */
  role: 'BRANCHLINE_ROLE',
  /** Of a coordinator: the URL of PostgreSQL. */
  databaseUrl: 'DATABASE_URL',
  /** Of a coordinator: the port of the API. */
  apiPort: 'BRANCHLINE_API_PORT',
  /** Of a worker: the URLs of coordinators. */
  coordinators: 'BRANCHLINE_COORDINATORS',
  /** Of a coordinator: the owner's API key, `new` or `none`. */
  ownerKey: 'BRANCHLINE_OWNER_KEY',
  /** Of the relay: the URLs of etcd, a folder with its certificates, and one with the name and password of a user. */
  etcd: 'BRANCHLINE_ETCD',
  etcdTls: 'BRANCHLINE_ETCD_TLS',
  etcdUser: 'BRANCHLINE_ETCD_USER',
  /** Of a worker: the token with which it joins, or a file with it. Of a coordinator: the token that it accepts. */
  joinToken: 'BRANCHLINE_JOIN_TOKEN',
  joinTokenFile: 'BRANCHLINE_JOIN_TOKEN_FILE',
  /** Of a worker: its name, its group and its labels. */
  workerName: 'BRANCHLINE_WORKER_NAME',
  workerGroup: 'BRANCHLINE_WORKER_GROUP',
  workerLabels: 'BRANCHLINE_WORKER_LABELS',
  /** Of a worker: the host at which others reach it, and the URL at which clusters do. */
  advertiseHost: 'BRANCHLINE_ADVERTISE_HOST',
  advertiseTunnel: 'BRANCHLINE_ADVERTISE_TUNNEL',
  /** Of the relay: the addresses that circuits may name although they are not public. */
  allowTargets: 'BRANCHLINE_ALLOW_TARGETS',
  /** Of a worker: the range of ports for circuits. */
  ports: 'BRANCHLINE_PORTS',
  /** Of a process with an admin port: the port. */
  adminPort: 'BRANCHLINE_ADMIN_PORT',
  /** Of every process: the least severe level that is logged. */
  logLevel: 'LOG_LEVEL',
} as const
