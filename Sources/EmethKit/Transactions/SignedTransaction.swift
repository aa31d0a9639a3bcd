/// A transaction with the signature of its sender, as nodes and wallets exchange it.
///
/// ```swift
/// let signed = try SignedTransaction(decoding: raw)
/// print(signed.sender, signed.hash, signed.transaction.nonce)
/// ```
/// Always one that a chain could take: the signature has its s in the lower half (EIP-2), and the sender
/// follows from it.
public struct SignedTransaction: Hashable, Sendable {
  /// What is signed.
  public let transaction: Transaction
  /// The signature; its v is 27 or 28 for every kind of transaction.
  public let signature: Signature
  /// Whose key made the signature.
  public let sender: Address

  /// A transaction with a signature that was made for its ``Transaction/signingHash``.
  ///
  /// Any signature in range belongs to some key: compare ``sender`` with the one that is expected.
  ///
  /// - Throws: ``TransactionError/signature(_:)`` when it belongs to no key.
  public init(_ transaction: Transaction, signature: Signature) throws(TransactionError) {
    let sender: Address
    do throws(CryptoError) {
      sender = try signature.recoverAddress(from: transaction.signingHash)
    } catch {
      throw .signature(error)
    }
    self.init(transaction, signature: signature, uncheckedSender: sender)
  }

  /// The transaction that ``Transaction/signed(with:)`` made.
  init(_ transaction: Transaction, signature: Signature, uncheckedSender sender: Address) {
    self.transaction = transaction
    self.signature = signature
    self.sender = sender
  }

  /// The raw bytes, as `eth_sendRawTransaction` takes them.
  public var encoded: [UInt8] {
    transaction.encoded(appending: [
      .integer(v), .integer(UInt256(signature.r)), .integer(UInt256(signature.s)),
    ])
  }

  /// The transaction's hash, by which explorers know it: the Keccak-256 of ``encoded``.
  public var hash: Bytes32 { Keccak256.hash(encoded) }

  /// The contract that it creates, nil when it calls one.
  public var createdContract: Address? {
    transaction.to == nil ? Address(createdBy: sender, nonce: transaction.nonce) : nil
  }

  /// 0 or 1: which of the two points r stands for.
  public var yParity: UInt8 { signature.v - 27 }

  /// What stands in the place of v: yParity, in a legacy transaction 27 + yParity or, with a chain ID,
  /// 35 + 2 x chain ID + yParity (EIP-155).
  var v: UInt256 {
    guard case .legacy(let chainId, _) = transaction.kind else { return UInt256(UInt64(yParity)) }
    guard let chainId else { return UInt256(UInt64(signature.v)) }
    return UInt256(high: 0, low: 35 + 2 * UInt128(chainId) + UInt128(yParity))
  }
}
