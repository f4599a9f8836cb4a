import { DNS_ADDRESS, hardwareAddress, NODE_ADDRESS, NODE_BLOCKS, podAddress } from './addresses.ts'

const BRIDGE = 'branchline0'

const cable = (index: number): string => `pod${index}`

/** The file that keeps the network of a pod, within the run's folder. */
export const networkFile = (folder: string, index: number): string => `${folder}/net/${index}`

/**
 * Makes the node's network, in its own namespace: a bridge for the pods, and the blocks of addresses that belong to the
 * node. The bridge has a fixed hardware address. Otherwise it changes when pods come, and connections wait.
 */
export const NODE_SCRIPT = `ip -batch - <<END
link set lo up
link add name ${BRIDGE} address ${hardwareAddress(1)} type bridge
link set ${BRIDGE} up
addr add ${NODE_ADDRESS}/16 dev ${BRIDGE}
${NODE_BLOCKS.map((block) => `route add local ${block} dev lo`).join('\n')}
END
`

/**
 * Makes the network of a pod and keeps it in a file: loopback, a cable to the bridge, and every port open to every user,
 * like in a container. The shell runs in the node's network.
 */
export function podScript(folder: string, index: number): string {
  const file = networkFile(folder, index)
  return `: > '${file}'
unshare --net='${file}' -- sh -e <<END
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
ip -batch - <<BATCH
link set lo up
link add name eth0 address ${hardwareAddress(index)} type veth peer name ${cable(index)} netns $$
addr add ${podAddress(index)}/16 dev eth0
link set eth0 up
route add default via ${NODE_ADDRESS}
BATCH
END
ip link set ${cable(index)} master ${BRIDGE} up
`
}

/** Removes the network of a pod. */
export function removeScript(folder: string, index: number): string {
  const file = networkFile(folder, index)
  return `ip link del ${cable(index)}; umount '${file}'; rm -f '${file}'`
}

/** The text of a pod's resolv.conf(5). Like Kubernetes: names with fewer than five dots are searched for first. */
export const resolvText = (search: readonly string[]): string =>
  `nameserver ${DNS_ADDRESS}\nsearch ${search.join(' ')}\noptions ndots:5\n`
