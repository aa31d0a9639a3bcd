extension Transaction {
  /// The transaction of a ``signingPayload``, as offline signers are given it.
  ///
  /// - Parameters:
  ///   - payload: One whole payload, nothing behind it.
  ///   - byteLimit: The most bytes.
  /// - Throws: ``TransactionError``: anything written in another way than the one allowed is refused, with
  ///   its field and its byte.
  public init(
    signingPayload payload: some Collection<UInt8>, byteLimit: Int = RLPValue.defaultByteLimit
  ) throws(TransactionError) {
    var reader = try TransactionReader(payload, byteLimit: byteLimit) { type in type == 0 ? [0, 3] : [0] }
    self = try reader.transaction()
    if reader.restCount > 0 {
      bind(to: try reader.unsigned("chainId"))
      try reader.nothing("r")
      try reader.nothing("s")
    }
  }

  /// Binds a legacy transaction to a chain (EIP-155), or to none.
  fileprivate mutating func bind(to chainId: UInt64?) {
    guard case .legacy(_, let gasPrice) = kind else { return }
    kind = .legacy(chainId: chainId, gasPrice: gasPrice)
  }
}

extension SignedTransaction {
  /// The transaction of raw bytes, with its sender.
  ///
  /// - Parameters:
  ///   - bytes: One whole transaction, nothing behind it.
  ///   - byteLimit: The most bytes.
  /// - Throws: ``TransactionError``: anything written in another way than the one allowed is refused, with
  ///   its field and its byte, and so is a signature in its second form (EIP-2).
  public init(
    decoding bytes: some Collection<UInt8>, byteLimit: Int = RLPValue.defaultByteLimit
  ) throws(TransactionError) {
    var reader = try TransactionReader(bytes, byteLimit: byteLimit) { _ in [3] }
    let transaction = try reader.transaction()
    let v: UInt256 = try reader.unsigned(reader.type == 0 ? "v" : "yParity")
    try self.init(transaction, v: v, r: reader.unsigned("r"), s: reader.unsigned("s"))
  }

  /// A transaction with the three numbers behind it; the chain of a legacy one is that of its v.
  init(_ transaction: Transaction, v: UInt256, r: UInt256, s: UInt256) throws(TransactionError) {
    var transaction = transaction
    let yParity = try transaction.takeRecovery(v)
    let signature: Signature
    do throws(CryptoError) {
      signature = try Signature(r: Bytes32(r), s: Bytes32(s), v: 27 + yParity)
    } catch {
      throw .signature(error)
    }
    try self.init(transaction, signature: signature)
  }
}

extension Transaction {
  /// The parity in a v or yParity; a legacy transaction takes its chain from it.
  fileprivate mutating func takeRecovery(_ v: UInt256) throws(TransactionError) -> UInt8 {
    guard case .legacy = kind else {
      guard v < 2 else { throw .recovery(field: "yParity", found: v) }
      return UInt8(truncatingIfNeeded: v)
    }
    if v == 27 || v == 28 {
      bind(to: nil)
      return UInt8(truncatingIfNeeded: v - 27)
    }
    guard v >= 35, let chainId = UInt64(exactly: (v - 35) / 2) else {
      throw .recovery(field: "v", found: v)
    }
    bind(to: chainId)
    return UInt8(truncatingIfNeeded: (v - 35) & 1)
  }
}
