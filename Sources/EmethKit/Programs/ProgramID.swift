/// The number of a program, such as 1 for language-model training. Never 0.
///
/// An open set: anybody may run programs of their own from 10000 upwards (PROTOCOL 1).
/// In JSON a decimal string; numbers are read too.
///
/// ```swift
/// ProgramID.languageModelTraining.defaultSubJobProgram   // 11
/// ```
public struct ProgramID: RawRepresentable, Hashable, Sendable {
  /// The number, at least 1.
  public let rawValue: UInt64

  /// The program of a number, or nil for 0, which is no program.
  public init?(rawValue: UInt64) {
    guard rawValue > 0 else { return nil }
    self.rawValue = rawValue
  }

  private init(known number: UInt64) {
    rawValue = number
  }

  /// Language-model training (GPT-2 family), the whole job.
  public static let languageModelTraining = ProgramID(known: 1)
  /// One part of one round of language-model training.
  public static let languageModelTrainingPart = ProgramID(known: 11)
  /// Text generation over a list of prompts.
  public static let textGeneration = ProgramID(known: 2)
  /// Some of the prompts of a text generation.
  public static let textGenerationPart = ProgramID(known: 21)
  /// SHA-256 proof of work, which verifies itself.
  public static let proofOfWork = ProgramID(known: 84)
  /// The mean of numbers, the public test module.
  public static let meanOfNumbers = ProgramID(known: 999)
  /// Some of the numbers of a mean.
  public static let meanOfNumbersPart = ProgramID(known: 9991)

  /// The first number for external modules.
  public static let firstExternal = ProgramID(known: 10_000)

  /// Whether a verifier could judge a job of this program on a chain: of what a chain says of a training or a text generation none
  /// can compute it again.
  public var isCheckedOnLayerOne: Bool {
    switch self {
    case .languageModelTraining, .languageModelTrainingPart, .textGeneration, .textGenerationPart: false
    default: true
    }
  }

  /// Whether the program is an external module, known only by its own manifest.
  public var isExternal: Bool { rawValue >= ProgramID.firstExternal.rawValue }

  /// The SubJob program by the default naming: the decimal digits followed by a 1, or nil above 64 bits.
  ///
  /// What counts is the catalogue's entry (``ProgramCatalogue/subJobProgram(of:)``).
  public var defaultSubJobProgram: ProgramID? {
    let (tenfold, overflow) = rawValue.multipliedReportingOverflow(by: 10)
    guard !overflow else { return nil }
    let (number, carry) = tenfold.addingReportingOverflow(1)
    return carry ? nil : ProgramID(known: number)
  }
}

extension ProgramID: Comparable, CustomStringConvertible, Codable {
  /// Whether the left number is smaller.
  public static func < (left: ProgramID, right: ProgramID) -> Bool {
    left.rawValue < right.rawValue
  }

  /// The number in decimal digits.
  public var description: String { String(rawValue) }

  /// Reads a decimal string or a number; 0 is refused.
  public init(from decoder: any Decoder) throws {
    guard let program = ProgramID(rawValue: try decoder.decodeDecimal(UInt64.self)) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath, debugDescription: ProgramError.zeroProgram.message,
          underlyingError: ProgramError.zeroProgram))
    }
    self = program
  }

  /// Writes a decimal string.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(description)
  }
}
