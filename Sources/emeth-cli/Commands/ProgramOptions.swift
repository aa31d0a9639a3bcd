import EmethKit
import EmethNetwork
import Foundation

/// Flags of jobs that are no training.
enum ProgramOptions {
  static let module = Flag(
    repeated: "module", .folder,
    help: "folder of an external program, with its module.json; may be given several times")
  static let parameter = Flag(
    repeated: "param", .keyAndValue, help: "KEY=VALUE for the program; may be given several times")
  static let agreement = Flag(
    "agree", .integer(in: 2...3), default: 2,
    help: "how many must have computed the same output: the node and one or two verifiers")

  static let engine = Flag(
    "container-engine", .text.named("ENGINE"), absent: "the one in EMETH_CONTAINER_ENGINE",
    help: "podman, docker or a path: runs modules that name a container image")

  static let flags: [any CommandFlag] = [module, parameter, agreement] + ofGeneration

  /// Those of program 2.
  static let ofGeneration: [any CommandFlag] = [GivenModel.flag] + DrawingOptions.flags

  private static func isGeneration(_ parsed: ParsedCommand) -> Bool {
    parsed[RemoteJobOptions.program] == Int(ProgramID.textGeneration.rawValue)
  }

  /// The model of a text generation; nil for other programs.
  static func model(
    _ parsed: ParsedCommand, fetch: ((JobReference, URL) async throws -> Void)?
  ) async throws -> GivenModel? {
    isGeneration(parsed) ? try await GivenModel(parsed, fetch: fetch) : nil
  }

  /// The modules that the flags name, read and checked.
  static func modules(
    _ parsed: ParsedCommand, _ context: CommandContext
  ) throws(NetworkError) -> [ProgramModule] {
    // A command that runs nothing has no such flag.
    let given = parsed.definition.flag(named: engine.definition.name) == nil ? nil : parsed[engine]
    let engine = given ?? context.environment["EMETH_CONTAINER_ENGINE"].flatMap { $0.isEmpty ? nil : $0 }
    var modules: [ProgramModule] = []
    for folder in parsed[module] {
      let module = try ProgramModule(folder: URL(filePath: folder), containerEngine: engine)
      if let other = modules.first(where: { $0.manifest.program == module.manifest.program }) {
        throw .badSetting(
          name: "--module \(folder)", found: "program \(module.manifest.program), as in \(other.folder.path)",
          allowed: "each program once")
      }
      modules.append(module)
    }
    return modules
  }

  /// Refuses what only a training has, and what only a text generation has where it is none.
  static func refuseFlagsOfOthers(in parsed: ParsedCommand) throws(UsageError) {
    let common = [ModelOptions.threads.definition.spelling, ModelOptions.seed.definition.spelling]
    let ofTraining: [any CommandFlag] =
      [
        NetworkOptions.rounds, NetworkOptions.checkSegments, NetworkOptions.detect,
        NetworkOptions.noEvidence, RemoteJobOptions.fuelLimit,
      ] + (isGeneration(parsed) ? [] : [NetworkOptions.modelCache]) + PrivacyOptions.flags
      + ModelOptions.flags(steps: ModelOptions.stepsPerRound).filter {
        !common.contains($0.definition.spelling)
      }
    if let given = ofTraining.first(where: { parsed.isGiven($0) }) {
      throw .contradiction(
        rule: "\(given.definition.spelling) is for a training, "
          + "--program \(parsed[RemoteJobOptions.program]) is none", command: parsed.definition.name)
    }
    if !isGeneration(parsed), let given = ofGeneration.first(where: { parsed.isGiven($0) }) {
      throw .contradiction(
        rule: "\(given.definition.spelling) is for program 2, which generates text: found program "
          + "\(parsed[RemoteJobOptions.program])", command: parsed.definition.name)
    }
  }

  /// Refuses these flags where they mean nothing.
  static func refuse(for what: String, in parsed: ParsedCommand) throws(UsageError) {
    if let given = flags.first(where: { parsed.isGiven($0) }) {
      throw .contradiction(
        rule: "\(given.definition.spelling) is for other programs than \(what): name one with --program",
        command: parsed.definition.name)
    }
  }
}

/// A parameter of a program.
struct KeyAndValue: Sendable, Hashable {
  var key: String
  var value: String
}

extension ValueType where Value == KeyAndValue {
  /// `KEY=VALUE`, the key of letters, digits and underscores.
  static var keyAndValue: Self {
    let allowed = "KEY=VALUE, KEY of letters, digits and _, first a letter"
    return Self(name: "KEY=VALUE", allowed: allowed) { text throws(ValueRefusal) in
      let fields = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard fields.count == 2, let first = fields[0].first, first.isASCII, first.isLetter,
        fields[0].allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
      else { throw ValueRefusal(allowed: allowed) }
      return KeyAndValue(key: String(fields[0]), value: String(fields[1]))
    }
  }
}
