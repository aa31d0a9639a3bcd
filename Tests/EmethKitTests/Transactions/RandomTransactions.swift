import EmethKit

extension Transaction {
  /// The kinds that random transactions are of: legacy without and with a chain, EIP-2930, EIP-1559.
  static let kindCount = 4

  /// A transaction whose fields like the edges: zeros, largest values, no recipient, no data, empty lists.
  static func random(
    kind: Int, using generator: inout some RandomNumberGenerator
  ) throws -> Transaction {
    let fees = [UInt256.adversarial(using: &generator), UInt256.adversarial(using: &generator)].sorted()
    let chainId = number(below: .max, using: &generator)
    let accessList = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
      AccessListEntry(
        address: Address.random(using: &generator),
        storageKeys: (0..<Int.random(in: 0...3, using: &generator)).map { _ in
          Bytes32(UInt256.adversarial(using: &generator))
        })
    }
    let kinds: [Kind] = [
      .legacy(chainId: nil, gasPrice: fees[0]), .legacy(chainId: chainId, gasPrice: fees[0]),
      .accessList(chainId: chainId, gasPrice: fees[0], accessList: accessList),
      .dynamicFee(
        chainId: chainId, maxPriorityFeePerGas: fees[0], maxFeePerGas: fees[1], accessList: accessList),
    ]
    let byteCount = Bool.random(using: &generator) ? 0 : Int.random(in: 1...100, using: &generator)
    return try Transaction(
      kind: kinds[kind], nonce: number(below: .max - 1, using: &generator),
      gasLimit: number(below: .max, using: &generator),
      to: Int.random(in: 0..<4, using: &generator) == 0 ? nil : Address.random(using: &generator),
      value: UInt256.adversarial(using: &generator),
      data: (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }

  private static func number(below limit: UInt64, using generator: inout some RandomNumberGenerator) -> UInt64
  {
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: UInt64.random(in: 0...2, using: &generator)
    case 1: limit - UInt64.random(in: 0...2, using: &generator)
    default: UInt64.random(in: 0...limit, using: &generator) >> UInt64.random(in: 0...60, using: &generator)
    }
  }
}

extension Address {
  static func random(using generator: inout some RandomNumberGenerator) -> Address {
    Address(createdBy: .zero, nonce: UInt64.random(in: 0...UInt64.max, using: &generator))
  }
}

extension PrivateKey {
  static func random(using generator: inout some RandomNumberGenerator) -> PrivateKey {
    let seed = Bytes32(UInt256.adversarial(using: &generator))
    return PrivateKey(seed: seed, label: "transaction", index: UInt32.random(in: 0...9, using: &generator))
  }
}
