/// The programs that a network runs, found by their number.
///
/// ```swift
/// let part = try ProgramCatalogue.standard.subJobProgram(of: .languageModelTraining)   // 11
/// ```
/// In JSON an array of entries, in ascending order of their numbers.
public struct ProgramCatalogue: Hashable, Sendable {
  private let entriesByID: [ProgramID: ProgramEntry]

  /// A catalogue of some entries.
  ///
  /// - Throws: ``ProgramError/duplicateProgram(found:)``;
  ///   ``ProgramError/subJobProgramMissing(parent:found:)``.
  public init(_ entries: [ProgramEntry]) throws(ProgramError) {
    var byID: [ProgramID: ProgramEntry] = [:]
    for entry in entries {
      guard byID.updateValue(entry, forKey: entry.id) == nil else { throw .duplicateProgram(found: entry.id) }
    }
    for entry in entries {
      guard let child = entry.subJobProgram else { continue }
      guard byID[child] != nil else { throw .subJobProgramMissing(parent: entry.id, found: child) }
    }
    entriesByID = byID
  }

  private init(known entries: [ProgramEntry]) {
    entriesByID = Dictionary(entries.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The programs of PROTOCOL 1.
  public static let standard = ProgramCatalogue(known: [
    // At most 511 parts: 511 x (2^22 - 1) still fits the signed 32-bit sums of PROTOCOL 8.
    ProgramEntry(
      id: .languageModelTraining, name: "language-model training",
      subJobProgram: .languageModelTrainingPart, verification: .sampledReplay, fuelByFormula: true,
      maximumParts: 511),
    ProgramEntry(
      id: .languageModelTrainingPart, name: "language-model training, part", verification: .sampledReplay,
      fuelByFormula: true, maximumParts: 1),
    ProgramEntry(
      id: .textGeneration, name: "text generation", subJobProgram: .textGenerationPart,
      verification: .outputReplay, fuelByFormula: true),
    ProgramEntry(
      id: .textGenerationPart, name: "text generation, part", verification: .outputReplay,
      fuelByFormula: true, maximumParts: 1),
    ProgramEntry(
      id: .proofOfWork, name: "SHA-256 proof of work", verification: .selfProving, maximumParts: 1),
    ProgramEntry(
      id: .meanOfNumbers, name: "mean of numbers", subJobProgram: .meanOfNumbersPart,
      verification: .recomputation),
    ProgramEntry(
      id: .meanOfNumbersPart, name: "mean of numbers, part", verification: .recomputation, maximumParts: 1),
  ])

  /// All entries in ascending order of their numbers.
  public var entries: [ProgramEntry] {
    entriesByID.values.sorted { $0.id < $1.id }
  }

  /// The entry of a program, or nil when the catalogue lacks it.
  public subscript(program: ProgramID) -> ProgramEntry? {
    entriesByID[program]
  }

  /// The entry of a program.
  ///
  /// - Throws: ``ProgramError/unknownProgram(found:)``.
  public func entry(of program: ProgramID) throws(ProgramError) -> ProgramEntry {
    guard let entry = entriesByID[program] else { throw .unknownProgram(found: program) }
    return entry
  }

  /// The program that the SubJobs of a program run, as its entry names it.
  ///
  /// - Throws: ``ProgramError/unknownProgram(found:)``; ``ProgramError/noSubJobProgram(found:)``.
  public func subJobProgram(of program: ProgramID) throws(ProgramError) -> ProgramID {
    guard let child = try entry(of: program).subJobProgram else { throw .noSubJobProgram(found: program) }
    return child
  }

  /// This catalogue with one more entry, such as that of an external module.
  ///
  /// - Throws: As ``init(_:)``.
  public func adding(_ entry: ProgramEntry) throws(ProgramError) -> ProgramCatalogue {
    try ProgramCatalogue(entries + [entry])
  }
}

extension ProgramCatalogue: Codable {
  /// Reads an array of entries; a broken catalogue is refused.
  public init(from decoder: any Decoder) throws {
    let entries = try [ProgramEntry](from: decoder)
    do throws(ProgramError) {
      try self.init(entries)
    } catch {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: error.message, underlyingError: error))
    }
  }

  /// Writes an array of entries.
  public func encode(to encoder: any Encoder) throws {
    try entries.encode(to: encoder)
  }
}
