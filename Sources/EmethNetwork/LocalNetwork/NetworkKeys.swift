import EmethKit

/// The keys of a local network's roles, all of which follow from its seed.
struct NetworkKeys: Sendable {
  let requester: PrivateKey
  let splitter: PrivateKey
  let signer: PrivateKey
  let aggregator: PrivateKey
  let nodes: [PrivateKey]
  let verifiers: [PrivateKey]

  init(seed: Bytes32, settings: NetworkSettings) {
    requester = PrivateKey(seed: seed, label: "requester", index: 0)
    splitter = PrivateKey(seed: seed, label: "splitter", index: 0)
    signer = PrivateKey(seed: seed, label: "signer", index: 0)
    aggregator = PrivateKey(seed: seed, label: "aggregator", index: 0)
    nodes = (0..<settings.nodes).map { PrivateKey(seed: seed, label: "node", index: UInt32($0)) }
    verifiers = (0..<settings.verifiers).map { PrivateKey(seed: seed, label: "verifier", index: UInt32($0)) }
  }
}
