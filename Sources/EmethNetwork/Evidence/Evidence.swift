import EmethKit
import Foundation

/// The proof that a node cheated, as a file that anybody can judge who has nothing else (PROTOCOL 7).
///
/// `EMETHEV1`, the header's length (u32, big-endian), the header (canonical JSON), the sections one behind the
/// other as the header lists them, the trailer's length (u32), the trailer (JSON). The hash of the header, which
/// holds the hashes of the sections, is the hash that verdicts name; the trailer holds what came later.
public struct EvidenceHeader: Codable, Sendable, Hashable {
  /// Bytes that belong to the header.
  public struct Section: Codable, Sendable, Hashable {
    /// What it is.
    public enum Name: String, Codable, Sendable {
      /// The opening, as the node signed it.
      case opening
      /// The state at the beginning of the segment that the finding is about.
      case state
      /// The parameters that the round began with.
      case parameters
    }

    /// What it is.
    public var name: Name
    /// SHA-256 of its bytes.
    public var sha256: Bytes32
    /// How many bytes it has.
    public var byteCount: UInt64

    /// A section with these bytes.
    init(_ name: Name, _ data: Data) {
      self.name = name
      byteCount = UInt64(data.count)
      sha256 = data.withUnsafeBytes { SHA256.hash($0) }
    }

    private enum CodingKeys: String, CodingKey {
      case name, sha256, byteCount
    }

    /// Reads an object; byteCount is a decimal string.
    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      name = try container.decode(Name.self, forKey: .name)
      sha256 = try container.decode(Bytes32.self, forKey: .sha256)
      let text = try container.decode(String.self, forKey: .byteCount)
      guard let count = UInt64(text), "\(count)" == text else {
        throw DecodingError.dataCorruptedError(
          forKey: .byteCount, in: container, debugDescription: "found \(text), allowed a decimal number")
      }
      byteCount = count
    }

    /// Writes an object.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(name, forKey: .name)
      try container.encode(sha256, forKey: .sha256)
      try container.encode("\(byteCount)", forKey: .byteCount)
    }
  }

  /// The form of the file, 1.
  public var version = 1
  /// The domain of all signatures.
  public var domain: EIP712Domain
  /// What the Execution Layer's records say of the SubJob.
  public var facts: SubJobFacts
  /// What the node handed in, signed by it.
  public var submission: SignedSubmission
  /// The seed of the challenge.
  public var seed: Bytes32
  /// The segments that were drawn from it.
  public var drawn: [Int]
  /// What the node signed of its opening; `nil` where the finding is about the submission alone.
  public var statement: SignedOpeningStatement?
  /// What is held against the node.
  public var finding: Finding
  /// The sections, in the order in which they lie in the file.
  public var sections: [Section]

  /// The header's bytes.
  func encoded() throws(NetworkError) -> Data {
    try asNetworkError { try WireFormat.encoder.encode(self) }
  }

  /// What verdicts name: SHA-256 of the header's bytes.
  public func hash() throws(NetworkError) -> Bytes32 {
    try encoded().withUnsafeBytes { SHA256.hash($0) }
  }
}

/// What came after the evidence was found.
public struct EvidenceTrailer: Codable, Sendable, Hashable {
  /// The verdicts on the submission, in the order in which they were given.
  public var verdicts: [SignedVerdict] = []
  /// What the node said when it was asked where it went wrong.
  public var appeal: Appeal?

  /// Nothing came after it.
  public init() {}
}
