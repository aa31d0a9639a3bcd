import EmethKit

/// The keys of a local network's roles, all of which follow from its seed.
struct NetworkKeys: Sendable {
  let requester: PrivateKey
  let operators: OperatorKeys
  let nodes: [PrivateKey]
  let verifiers: [PrivateKey]

  var splitter: PrivateKey { operators.splitter }
  var signer: PrivateKey { operators.signer }
  var aggregator: PrivateKey { operators.aggregator }

  init(seed: Bytes32, settings: NetworkSettings) {
    requester = PrivateKey(seed: seed, label: "requester", index: 0)
    operators = OperatorKeys(seed: seed)
    nodes = (0..<settings.nodes).map { PrivateKey(seed: seed, label: "node", index: UInt32($0)) }
    verifiers = (0..<settings.verifiers).map { PrivateKey(seed: seed, label: "verifier", index: UInt32($0)) }
  }
}
