/** The meaning of an error code, and the remedy. */
export interface Explained {
  readonly meaning: string
  readonly remedy: string
}

const explained = (meaning: string, remedy: string): Explained => ({ meaning, remedy })

/**
 * Every error code of the product, by the part that reports it. Codes are stable. Branch on the code, never on the
 * message. A test compares these lists with the codes in the source.
 */
export const ERROR_CODES: Readonly<Record<string, Readonly<Record<string, Explained>>>> = {
  'HTTP engines (sidecar and relay)': {
    BL_HTTP_BAD_REQUEST: explained(
      'The request is not valid HTTP, or it is ambiguous (RFC 9112). The client gets 400, 501 or 505.',
      'Fix the client. The message names the fault.',
    ),
    BL_HTTP_HEAD_TOO_LARGE: explained(
      'The head of a request, or its target, exceeds a limit. The client gets 431 or 414.',
      'Send fewer or shorter header fields, or raise the limit.',
    ),
    BL_HTTP_BODY_TOO_LARGE: explained(
      'The body of a request exceeds the limit of its circuit. The client gets 413.',
      'Send a smaller body, or raise the limit (`limits.bodyBytes` of the circuit).',
    ),
    BL_HTTP_REQUEST_TIMEOUT: explained(
      'The client sent its head or its body too slowly. The client gets 408.',
      'Check the client and the network, or raise the limit.',
    ),
    BL_HTTP_CLIENT_GONE: explained(
      'The client left before its response was complete.',
      'Nothing, unless it happens often: then look for a timeout of the client that is too short.',
    ),
    BL_HTTP_OVERLOADED: explained(
      'A limit on connections or streams is reached. The client gets 503.',
      'Raise the limit, or add replicas.',
    ),
    BL_HTTP_ROUTE_FAILED: explained(
      'The routing code threw an error. The client gets 500.',
      'Report it as a bug of Branchline.',
    ),
    BL_HTTP_UPSTREAM_UNREACHABLE: explained(
      'No endpoint could be reached. The client gets 502, or 504 if the last endpoint took too long.',
      'Check that the pods of the service run and are ready.',
    ),
    BL_HTTP_UPSTREAM_CLOSED: explained(
      'The upstream closed the connection. Before the response the client gets 502; later the response is cut.',
      'Look for crashes and restarts in the log of the app.',
    ),
    BL_HTTP_UPSTREAM_UNPROCESSED: explained(
      'The upstream refused the request, or was ending its connection, and too much of the body was sent to send the request again. The client gets 503.',
      'Send the request again: the app did not process it. If it happens often, look for restarts of the app, or raise its limit on concurrent streams.',
    ),
    BL_HTTP_BAD_RESPONSE: explained(
      'The response of the upstream is not valid HTTP, or it is ambiguous. The client gets 502.',
      'Fix the app. The message names the fault.',
    ),
    BL_HTTP_RESPONSE_TOO_LARGE: explained(
      'The head of a response exceeds a limit. The client gets 502.',
      'Send fewer or shorter header fields, or raise the limit.',
    ),
    BL_HTTP_UPSTREAM_TIMEOUT: explained(
      'The upstream took too long to respond. The client gets 504.',
      'Check the app, or raise the limit.',
    ),
    BL_HTTP_STOPPED: explained(
      'The process is stopping, and the time to finish ran out. New requests get 503.',
      'Nothing: callers retry. If requests take longer than the drain timeout, raise it.',
    ),
  },
  Sidecar: {
    BL_SIDECAR_LISTEN: explained(
      'The sidecar cannot listen on a port.',
      'Change the port of the other process in the pod that uses it. The message names the port.',
    ),
    BL_ROUTES_MESSAGE: explained(
      'A message of the manager is not valid. The sidecar closes the connection with 1007 and reconnects.',
      'Run the same release of sidecar and manager.',
    ),
    BL_ROUTES_GAP: explained(
      'A delta does not follow the current route table. The sidecar closes with 4001 and gets a snapshot.',
      'Nothing: the sidecar recovers by itself.',
    ),
    BL_ROUTES_ENDPOINT: explained(
      'A route table contains an endpoint that is not an address with a port.',
      'Report it as a bug of Branchline.',
    ),
  },
  Tunnel: {
    BL_TUNNEL_LINK: explained(
      'The connection between manager and relay ended or could not be made.',
      'Nothing: the manager reconnects. If it persists, check address, network policy and token.',
    ),
    BL_TUNNEL_PROTOCOL: explained(
      'The peer violated the tunnel protocol. The connection closes with the close code of the fault.',
      'Run compatible releases of manager and relay.',
    ),
    BL_TUNNEL_CANCEL: explained('The peer that reset the stream no longer needs it.', 'Nothing.'),
    BL_TUNNEL_REFUSED: explained(
      'The peer takes no new streams: too many are open, or it is stopping.',
      'Retry. If it persists, reduce concurrent requests.',
    ),
    BL_TUNNEL_UNKNOWN: explained(
      'The cluster knows no such environment, service or port.',
      'Check the Preview and its Service.',
    ),
    BL_TUNNEL_UNAVAILABLE: explained(
      'The service exists, but none of its endpoints is ready.',
      'Check the pods of the service.',
    ),
    BL_TUNNEL_CONNECT: explained(
      'No endpoint of the service accepted the connection.',
      'Check that the app listens on the port of its Service.',
    ),
    BL_TUNNEL_BROKEN: explained('The connection behind the stream broke.', 'Look for restarts of the pods.'),
    BL_TUNNEL_TIMEOUT: explained(
      'An operation on the stream exceeded its limit.',
      'Check the app and the network of the cluster.',
    ),
    BL_TUNNEL_INTERNAL: explained(
      'The peer failed, or it sent a reset code of a newer release.',
      'Read the log of the peer.',
    ),
    BL_TUNNEL_FORBIDDEN: explained(
      'The relay asked for a target that is not that of a preview. The manager refuses it.',
      'Nothing if a preview has just been removed. Otherwise do not trust the relay; read the log of the manager.',
    ),
    BL_TUNNEL_LOST: explained(
      'The connection of the tunnel ended under the stream.',
      'Nothing: the manager reconnects.',
    ),
  },
  Relay: {
    BL_DIAL_REFUSED: explained(
      'A target of a circuit is a private, loopback or otherwise internal address, or a name that leads to one.',
      'Name a public address, or allow the range with `--allow-targets`. The message names the address.',
    ),
    BL_RELAY_DATABASE: explained(
      'The database of the relay does not respond, or took too long. Changes fail, and traffic continues.',
      'Check the server that DATABASE_URL names and the network. Nothing needs a restart when it returns.',
    ),
    BL_RELAY_EMBEDDED: explained(
      'The embedded PostgreSQL of the relay cannot start.',
      'Follow the message: its folder is in use, was written by another version, or cannot be written.',
    ),
    BL_RELAY_SCHEMA: explained(
      'The tables of the relay were migrated by a newer release, or a migration failed.',
      'Use that release, or undo its migrations with it. The message names them.',
    ),
    BL_RELAY_API: explained(
      'The REST API of the relay refused a request.',
      'Follow the message: it is the detail of the problem document, which also names the field.',
    ),
    BL_RELAY_UNREACHABLE: explained(
      'A client did not reach the REST API of the relay, or something else answered at its address.',
      'Check the URL, and that a relay with the role coordinator runs there.',
    ),
    BL_RELAY_BACKUP: explained(
      'A backup of the relay is not complete, of another release, or the database already has data.',
      'Follow the message. `--force` replaces the data.',
    ),
    BL_RELAY_TERM: explained(
      'Another coordinator leads now. What this one was writing as the leader was not written.',
      'Nothing, unless it happens often: then look for a coordinator that lacks CPU.',
    ),
    BL_RELAY_WORKER_JOIN: explained(
      'A worker did not get a credential from a coordinator. It tries again.',
      'The message has the reason of the coordinator, or of the network.',
    ),
    BL_RELAY_ETCD: explained(
      'etcd does not respond, or refuses a request. Workers still get circuits from the coordinator.',
      'Follow the message. Check BRANCHLINE_ETCD, its certificates and its user. Nothing needs a restart when it returns.',
    ),
    BL_RELAY_TABLE: explained(
      'A worker refuses a message of a coordinator: it does not follow on its table, or another coordinator leads.',
      'Nothing: the worker serves its table and connects again.',
    ),
    BL_CERTIFICATE: explained(
      'A certificate for visitors cannot be used, or has expired. The previous one of the same files stays in use.',
      'Follow the message: it names the file and the remedy.',
    ),
    BL_ACME: explained(
      'A certificate could not be ordered of an ACME authority. The one that exists stays in use.',
      'Read the reason of the authority in the message. The relay tries again at the time that it logs.',
    ),
    BL_AUTHORITY: explained(
      'The authority for development, whose certificates a laptop trusts, cannot be used.',
      'Follow the message: it names the folder and the remedy.',
    ),
  },
  'Every process': {
    BL_CONFIGURATION: explained(
      'An environment variable is missing or has a wrong value. The process exits with 64.',
      'Set it as the message says. The message lists all faults.',
    ),
  },
  Manager: {
    BL_KUBERNETES: explained(
      'The Kubernetes API did not do what the manager asked. The error says whether a retry may succeed.',
      'Check the API server and the rights of the manager.',
    ),
  },
  'Command line': {
    BL_UP_NOT_READY: explained(
      'The platform did not start in time under `branchline up`.',
      'Read the lines above the error, or add `--logs all`.',
    ),
    BL_PREVIEW_NOT_READY: explained(
      'A preview did not become ready in time.',
      'Read the condition that the message quotes.',
    ),
    BL_PLATFORM_OPTIONS: explained(
      'An option or a value of `branchline platform` is wrong.',
      'Correct it. The message names the option and the accepted values.',
    ),
    BL_TARGET: explained(
      'There is no running `branchline up` and no cluster to use, or it did not do what was asked.',
      'Follow the message. `--up`, `--context` and `--kubeconfig` choose where a command works.',
    ),
    BL_RELAY_REFUSED: explained(
      'The API of a relay refuses what a command asks for, or a circuit did not become healthy in time.',
      'The message says which field or right is missing, and what to do.',
    ),
    BL_RELAY_START: explained(
      'A relay cannot start, or its database cannot be used by a command.',
      'The message names the port, the folder or the database, and the option to change.',
    ),
    BL_NOT_FOUND: explained(
      'An environment, a preview, a service, a pod or a container of this name does not exist.',
      'Correct the name. The message lists the names, or the nearest one.',
    ),
    BL_USAGE: explained(
      'A command was used in a way that it does not support.',
      'Correct the command line. The message says how.',
    ),
    BL_ROUTE_EXPLAIN: explained(
      '`branchline route explain` could not get the hops of the request.',
      'Allow it at the relay: set `relay.routeExplain` of the platform to `allow`.',
    ),
  },
  'Embedded cluster': {
    BL_LOCAL_PORT_TAKEN: explained(
      'A port that the relay, a Service or a pod needs is in use, or needs a right.',
      'End the process that the message names, or change the port.',
    ),
    BL_LOCAL_NO_ADDRESS: explained(
      'No block of loopback addresses is free, or the system has only one loopback address.',
      'End other runs, or use Linux.',
    ),
    BL_LOCAL_NO_NAMESPACES: explained(
      'This system does not allow the network namespaces that `--network namespaces` asks for.',
      'Allow unprivileged user namespaces and install iproute2 and util-linux, or use `--network loopback`.',
    ),
    BL_LOCAL_NO_COMMAND: explained(
      'A container has no command to run on this machine.',
      'Add the line that the message shows to `branchline.local.yaml`. The annotation `branchline.dev/local-command` does the same.',
    ),
    BL_LOCAL_NO_FOLDER: explained(
      'The folder in which a command of a container runs does not exist.',
      'Correct `dir` in `branchline.local.yaml`, or the annotation `branchline.dev/local-dir`.',
    ),
    BL_LOCAL_NO_VALUE: explained(
      'A container refers to a ConfigMap, Secret or key that does not exist.',
      'Add it to the folder.',
    ),
    BL_LOCAL_FILE: explained(
      'A file of the folder is not a regular file, or it is too large.',
      'Replace it, or split it. The message names the file.',
    ),
    BL_LOCAL_FOLDER: explained('The folder of manifests cannot be read.', 'Check the path.'),
  },
  Constructs: {
    BL_SYNTH_ENVIRONMENT: explained('An Environment is wrong, alone or together with others.', 'Correct it.'),
    BL_SYNTH_WORKLOAD: explained('A Workload is wrong.', 'Correct it.'),
    BL_SYNTH_PREVIEW: explained('A Preview is wrong.', 'Correct it.'),
    BL_SYNTH_OVERRIDE: explained(
      'An Override is wrong, or no environment above the branch has its workload.',
      'Correct it. The message names the workloads of the base.',
    ),
    BL_SYNTH_OBJECT: explained(
      'A container of an environment has no image, or a variable without a value.',
      'Look for a variable of your program that is not set.',
    ),
    BL_SYNTH_FILES: explained(
      'The manifests of a folder or a file cannot be read.',
      'Correct the file. The message names it.',
    ),
    BL_SYNTH_PLATFORM: explained('The properties of a Platform are wrong.', 'Correct them.'),
  },
}
