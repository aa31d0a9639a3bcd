/// What is wrong with a program number, a catalogue or a manifest.
public enum ProgramError: EmethError, Equatable {
  /// The number 0, which names no program.
  case zeroProgram
  /// A program that the catalogue does not have.
  case unknownProgram(found: ProgramID)
  /// A program that can't be divided into SubJobs.
  case noSubJobProgram(found: ProgramID)
  /// A catalogue that has a program twice.
  case duplicateProgram(found: ProgramID)
  /// A catalogue entry whose SubJob program the catalogue lacks.
  case subJobProgramMissing(parent: ProgramID, found: ProgramID)
  /// A manifest's number outside its limits.
  case fieldOutOfRange(field: String, found: String, allowed: String)
  /// A manifest that is no JSON, or whose field has the wrong form.
  case malformed(field: String, cause: FormatError)
  /// A manifest of a version that this library does not know.
  case unknownVersion(found: String, allowed: String)
  /// More fuel than 64 bits count.
  case fuelOverflow(tokens: UInt64)

  /// A stable identifier such as `program.unknownProgram`.
  public var code: String {
    switch self {
    case .zeroProgram: "program.zeroProgram"
    case .unknownProgram: "program.unknownProgram"
    case .noSubJobProgram: "program.noSubJobProgram"
    case .duplicateProgram: "program.duplicateProgram"
    case .subJobProgramMissing: "program.subJobProgramMissing"
    case .fieldOutOfRange: "program.fieldOutOfRange"
    case .malformed: "program.malformed"
    case .unknownVersion: "program.unknownVersion"
    case .fuelOverflow: "program.fuelOverflow"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .zeroProgram:
      "program number is 0, allowed are 1 and above"
    case .unknownProgram(let found):
      "program \(found) is not in the catalogue"
    case .noSubJobProgram(let found):
      "program \(found) can't be divided into SubJobs"
    case .duplicateProgram(let found):
      "program \(found) stands twice in the catalogue"
    case .subJobProgramMissing(let parent, let found):
      "program \(parent) names \(found) as its SubJob program, which the catalogue lacks"
    case .fieldOutOfRange(let field, let found, let allowed):
      "manifest field \(field) is \(quoted(found)), allowed is \(allowed)"
    case .malformed(let field, let cause):
      "manifest field \(field) can't be read: \(cause.message)"
    case .unknownVersion(let found, let allowed):
      "manifest version is \(quoted(found)), allowed is \(allowed)"
    case .fuelOverflow(let tokens):
      "the fuel of \(tokens) tokens is above 2^64 - 1"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .unknownProgram(let found) where found.isExternal:
      "external modules are known by their own manifest: add its entry to the catalogue"
    case .unknownProgram: "built in are 1, 2, 84 and 999"
    case .noSubJobProgram: "submit it with NumParallel 1"
    case .malformed(_, let cause): cause.hint
    case .zeroProgram, .duplicateProgram, .subJobProgramMissing, .fieldOutOfRange, .unknownVersion,
      .fuelOverflow:
      nil
    }
  }
}
