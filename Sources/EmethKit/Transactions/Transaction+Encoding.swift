extension Transaction {
  /// The bytes whose Keccak-256 is signed: the type, and the fields in RLP.
  ///
  /// With a chain ID a legacy transaction is followed by it and two zeros (EIP-155).
  public var signingPayload: [UInt8] {
    guard case .legacy(let chainId?, _) = kind else { return encoded(appending: []) }
    return encoded(appending: [.integer(chainId), .bytes([]), .bytes([])])
  }

  /// What is signed: the Keccak-256 of ``signingPayload``.
  public var signingHash: Bytes32 { Keccak256.hash(signingPayload) }

  /// The transaction with the signature of a key: deterministic (RFC 6979), s in the lower half.
  public func signed(with key: PrivateKey) -> SignedTransaction {
    SignedTransaction(self, signature: key.sign(signingHash), uncheckedSender: key.address)
  }

  /// The type, unless it is legacy, and the list of the fields and of those that follow them.
  func encoded(appending last: [RLPValue]) -> [UInt8] {
    let list = RLPValue.list(fields + last).encoded
    return type == 0 ? list : [type] + list
  }

  private var fields: [RLPValue] {
    let call: [RLPValue] = [
      .integer(gasLimit), .bytes(to?.bytes ?? []), .integer(value), .bytes(data),
    ]
    switch kind {
    case .legacy(_, let gasPrice):
      return [.integer(nonce), .integer(gasPrice)] + call
    case .accessList(let chainId, let gasPrice, let accessList):
      return [.integer(chainId), .integer(nonce), .integer(gasPrice)] + call + [Self.rlp(accessList)]
    case .dynamicFee(let chainId, let priority, let maximum, let accessList):
      return [.integer(chainId), .integer(nonce), .integer(priority), .integer(maximum)] + call
        + [Self.rlp(accessList)]
    }
  }

  private static func rlp(_ accessList: [AccessListEntry]) -> RLPValue {
    .list(
      accessList.map { entry in
        .list([.bytes(entry.address.bytes), .list(entry.storageKeys.map { .bytes($0.bytes) })])
      })
  }
}
