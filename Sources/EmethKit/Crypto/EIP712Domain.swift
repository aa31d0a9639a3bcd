/// Where an EIP-712 signature counts: the application, its version, the chain, the contract.
///
/// ```swift
/// let domain = EIP712Domain(chainId: 1, verifyingContract: core)   // name "EMETH", version "1"
/// ```
/// The embedded settlement, without a chain, has ``embedded``. In JSON `name` and `version` may be left
/// out.
public struct EIP712Domain: Hashable, Sendable {
  /// The application.
  public let name: String
  /// Its signing version.
  public let version: String
  /// The chain (EIP-155), 0 for the embedded settlement.
  public let chainId: UInt256
  /// The contract that checks the signature, the zero address for the embedded settlement.
  public let verifyingContract: Address

  /// A domain of any application.
  public init(name: String, version: String, chainId: UInt256, verifyingContract: Address) {
    self.name = name
    self.version = version
    self.chainId = chainId
    self.verifyingContract = verifyingContract
  }

  /// The domain of EMETH, version 1 (PROTOCOL 9).
  public init(chainId: UInt256, verifyingContract: Address) {
    self.init(name: "EMETH", version: "1", chainId: chainId, verifyingContract: verifyingContract)
  }

  /// The domain of the embedded settlement: chain 0, zero address.
  public static let embedded = EIP712Domain(chainId: 0, verifyingContract: .zero)

  /// The domain separator: the struct hash of the domain.
  public var separator: Bytes32 {
    EIP712.structHash(
      type: "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
      values: [.string(name), .string(version), .uint(chainId), .address(verifyingContract)])
  }
}

extension EIP712Domain: Codable {
  private enum CodingKeys: String, CodingKey {
    case name, version, chainId, verifyingContract
  }

  /// Reads the four members; `name` is EMETH and `version` 1 when they are left out.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decodeIfPresent(String.self, forKey: .name) ?? "EMETH"
    version = try container.decodeIfPresent(String.self, forKey: .version) ?? "1"
    chainId = try container.decode(UInt256.self, forKey: .chainId)
    verifyingContract = try container.decode(Address.self, forKey: .verifyingContract)
  }
}
