/** One coordinator with its pool, its own connections, and a few for commands such as a backup. */
const CONNECTIONS = 40

/**
 * The settings of the server: a small one for one relay. It listens on a socket only, and its log contains neither
 * statements nor values. https://www.postgresql.org/docs/18/runtime-config.html
 */
export function serverSettings(socketFolder: string, durable: boolean): Readonly<Record<string, string>> {
  return {
    listen_addresses: '',
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0700',
    max_connections: String(CONNECTIONS),
    shared_buffers: '16MB',
    dynamic_shared_memory_type: 'mmap',
    huge_pages: 'off',
    jit: 'off',
    io_method: 'sync',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_replication_slots: '0',
    max_logical_replication_workers: '0',
    max_worker_processes: '0',
    max_parallel_workers: '0',
    autovacuum_max_workers: '1',
    max_wal_size: '64MB',
    min_wal_size: '16MB',
    timezone: 'UTC',
    lc_messages: 'C',
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: '',
    // LOG, FATAL and PANIC, but no errors of statements, which quote values. Our own calls report them.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_statement: 'none',
    log_checkpoints: 'off',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  }
}
