/// Several accounts as one Signer: the contract EmethSigners, m of n of whose members sign (Docs/Decisions/0018).
///
/// ```swift
/// let call = EmethSigners.accepts(batch.digest, batch.signatureBytes)
/// let isSigned: Bool = try call.result(returned)
/// ```
public enum EmethSigners {
  /// Every function of the contract that this library calls.
  public static let functions: [ABIFunction] = [
    Function.isValidSignature, Function.isMember, Function.threshold,
  ]

  enum Function {
    static let isValidSignature: ABIFunction =
      "isValidSignature(bytes32 digest,bytes signature) returns (bytes4)"
    static let isMember: ABIFunction = "isMember(address account) returns (bool)"
    static let threshold: ABIFunction = "threshold() returns (uint256)"
  }

  /// What a contract answers that takes a signature (ERC-1271).
  private static let acceptance: [UInt8] = [0x16, 0x26, 0xba, 0x7e]

  /// Whether these signatures are enough (``Signed/signatureBytes``), of any contract of ERC-1271.
  public static func accepts(_ digest: Bytes32, _ signatures: [UInt8]) -> ContractCall<Bool> {
    ContractCall(Function.isValidSignature, [.bytes32(digest), .bytes(signatures)]) {
      fields throws(ContractError) in try fields.fixedBytes() == acceptance
    }
  }

  /// Whether an account is one of those that sign.
  public static func isMember(_ account: Address) -> ContractCall<Bool> {
    .bool(Function.isMember, [.address(account)])
  }

  /// So many of them must sign.
  public static func threshold() -> ContractCall<UInt64> { .count(Function.threshold) }
}
