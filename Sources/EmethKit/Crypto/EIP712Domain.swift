/// Where an EIP-712 signature counts: the application, its version, the chain, the contract.
///
/// ```swift
/// let domain = EIP712Domain(chainId: 1, verifyingContract: core)   // name "EMETH", version "1"
/// ```
/// The embedded settlement, without a chain, has ``embedded``. In JSON `name` and `version` may be left
/// out. The domain separator is computed once, when the value is made.
public struct EIP712Domain: Sendable {
  /// The application.
  public let name: String
  /// Its signing version.
  public let version: String
  /// The chain (EIP-155), 0 for the embedded settlement.
  public let chainId: UInt256
  /// The contract that checks the signature, the zero address for the embedded settlement.
  public let verifyingContract: Address
  /// The domain separator: the struct hash of the domain.
  public let separator: Bytes32

  /// A domain of any application.
  public init(name: String, version: String, chainId: UInt256, verifyingContract: Address) {
    self.name = name
    self.version = version
    self.chainId = chainId
    self.verifyingContract = verifyingContract
    separator = EIP712.structHash(
      typeHash: Self.typeHash,
      values: [.string(name), .string(version), .uint(chainId), .address(verifyingContract)])
  }

  /// The domain of EMETH, version 1 (PROTOCOL 9).
  public init(chainId: UInt256, verifyingContract: Address) {
    self.init(name: "EMETH", version: "1", chainId: chainId, verifyingContract: verifyingContract)
  }

  /// The domain of the embedded settlement: chain 0, zero address.
  public static let embedded = EIP712Domain(chainId: 0, verifyingContract: .zero)

  /// Whether this is the domain of EMETH, version 1, on whatever chain: no other is redeemed (PROTOCOL 9).
  public var isEMETH: Bool { name == "EMETH" && version == "1" }

  private static let typeHash = Keccak256.hash(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)".utf8)
}

extension EIP712Domain: Hashable {
  /// Whether all four members are equal, which is what equal separators say.
  public static func == (left: EIP712Domain, right: EIP712Domain) -> Bool {
    left.separator == right.separator
  }

  /// Feeds the separator to the hasher.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(separator)
  }
}

extension EIP712Domain: Codable {
  private enum CodingKeys: String, CodingKey {
    case name, version, chainId, verifyingContract
  }

  /// Reads the four members; `name` is EMETH and `version` 1 when they are left out.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      name: try container.decodeIfPresent(String.self, forKey: .name) ?? "EMETH",
      version: try container.decodeIfPresent(String.self, forKey: .version) ?? "1",
      chainId: try container.decode(UInt256.self, forKey: .chainId),
      verifyingContract: try container.decode(Address.self, forKey: .verifyingContract))
  }

  /// Writes the four members.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(version, forKey: .version)
    try container.encode(chainId, forKey: .chainId)
    try container.encode(verifyingContract, forKey: .verifyingContract)
  }
}

extension EIP712Domain {
  /// The domain in a few words, for messages.
  var summary: String {
    "\(quoted(name)) version \(quoted(version)), chain \(chainId), contract \(verifyingContract)"
  }
}
