import EmethKit

/// What a live text was and cost: signed by the network's Aggregator, kept by server and node.
public struct Receipt: Hashable, Sendable {
  /// The text.
  public let text: JobID
  /// Who drew its end, and is paid.
  public let node: Address
  /// The model, by the hash over its files.
  public let model: Bytes32
  /// Tokens of the prompt.
  public let promptTokens: UInt32
  /// Tokens drawn and handed on.
  public let tokens: UInt32
  /// SHA-256 over all of them, prompt first, four bytes each, big-endian.
  public let tokensHash: Bytes32
  /// Fuel, by formula.
  public let fuel: Fuel
  /// What the node got.
  public let holon: TokenAmount
  /// When, unix seconds.
  public let time: UInt64

  /// The hash over a text's tokens.
  static func hash(_ prompt: [UInt32], _ drawn: some Sequence<UInt32>) -> Bytes32 {
    var hash = SHA256()
    for token in prompt + Array(drawn) { hash.update(withUnsafeBytes(of: token.bigEndian) { Array($0) }) }
    return hash.finalize()
  }
}

/// A receipt with the signature of who gives it.
public typealias SignedReceipt = Signed<Receipt>

extension Receipt: SignableContent {
  /// What a check throws.
  public typealias CheckError = TicketError
  /// The member `receipt`.
  public static var jsonKey: String { "receipt" }
  /// The type's text.
  public static let eip712Type =
    "Receipt(bytes16 text,address node,bytes32 model,uint32 promptTokens,uint32 tokens,bytes32 tokensHash,"
    + "uint64 fuel,uint256 holon,uint64 time)"
  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .fixedBytes(text.bytes), .address(node), .bytes32(model), .uint(UInt256(promptTokens)),
      .uint(UInt256(tokens)), .bytes32(tokensHash), .uint(UInt256(fuel.units)), .uint(holon.holon),
      .uint(UInt256(time)),
    ]
  }
}

extension Receipt: Codable {}
