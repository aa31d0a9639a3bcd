/// Where a job stands, with the numbers of the 2023 contract (PROTOCOL 2). In JSON a number.
public enum JobStatus: UInt8, Hashable, Sendable, CaseIterable {
  /// Registered and paid for; nobody computes it yet.
  case requested = 1
  /// A node computes it, its deposit locked.
  case processing = 2
  /// The node has handed in its commitments; they are being checked.
  case submitted = 3
  /// Checked (or checked by nobody in time) and paid.
  case verified = 4
  /// Taken back before anyone computed, or ended with its parent.
  case canceled = 5
  /// Not done in time.
  case timeout = 6
  /// The result did not stand the check.
  case failed = 7
  /// Given up by the node.
  case declined = 8

  /// The name in capitals, as the protocol writes it, such as `VERIFIED`.
  public var name: String {
    switch self {
    case .requested: "REQUESTED"
    case .processing: "PROCESSING"
    case .submitted: "SUBMITTED"
    case .verified: "VERIFIED"
    case .canceled: "CANCELED"
    case .timeout: "TIMEOUT"
    case .failed: "FAILED"
    case .declined: "DECLINED"
    }
  }

  /// The status of a name in capitals, or nil when there is none of that name.
  public init?(name: String) {
    guard let status = JobStatus.allCases.first(where: { $0.name == name }) else { return nil }
    self = status
  }

  /// Whether nothing can follow.
  public var isFinal: Bool {
    switch self {
    case .requested, .processing, .submitted: false
    case .verified, .canceled, .timeout, .failed, .declined: true
    }
  }
}

extension JobStatus: CustomStringConvertible, Codable {
  /// The name in capitals.
  public var description: String { name }

  /// Reads a number (or a decimal string) from 1 to 8.
  public init(from decoder: any Decoder) throws {
    let number = try decoder.decodeDecimal(UInt8.self)
    guard let status = JobStatus(rawValue: number) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath, debugDescription: "\(number) is no job status, allowed are 1 to 8"))
    }
    self = status
  }

  /// Writes the number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}
