import EmethKit
import Foundation

/// A program that computes a part of a data set in one piece: bytes in, bytes out, the same ones everywhere.
public enum ComputedProgram: Sendable, Hashable {
  /// 2: text that follows prompts.
  case textGeneration
  /// 84: a proof of work.
  case proofOfWork
  /// 999: the mean of numbers.
  case meanOfNumbers
  /// 10000 and up.
  case module(ProgramModule)

  /// The built-in program of this number, or the module that has it.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)``.
  public init(_ id: ProgramID, modules: [ProgramModule]) throws(NetworkError) {
    switch id {
    case .textGeneration, .textGenerationPart: self = .textGeneration
    case .proofOfWork: self = .proofOfWork
    case .meanOfNumbers, .meanOfNumbersPart: self = .meanOfNumbers
    default:
      guard let module = modules.first(where: { $0.manifest.program == id }) else {
        throw .badSetting(
          name: "program", found: "\(id)",
          allowed: id.isExternal
            ? "a program whose module is there: name its folder with --module"
            : "2, 84, 999, or 10000 and above with its module")
      }
      self = .module(module)
    }
  }

  /// The program that a manifest names, to the byte.
  init(_ manifest: ComputedManifest, modules: [ProgramModule]) throws(NetworkError) {
    try self.init(manifest.program, modules: modules.filter { $0.manifest.hash == manifest.module })
    // A requester who wrote another formula into it would pay less for the same work.
    guard terms == manifest.terms else {
      throw .malformed(
        what: "manifest of a computed job",
        reason:
          "its records, how many cost one fuel, or the bytes of an output are not those of program \(manifest.program)"
      )
    }
  }

  /// Its number.
  public var id: ProgramID {
    switch self {
    case .textGeneration: .textGeneration
    case .proofOfWork: .proofOfWork
    case .meanOfNumbers: .meanOfNumbers
    case .module(let module): module.manifest.program
    }
  }

  /// The number of its SubJobs' program.
  public var partID: ProgramID {
    switch self {
    case .textGeneration: .textGenerationPart
    case .proofOfWork: .proofOfWork
    case .meanOfNumbers: .meanOfNumbersPart
    case .module(let module): module.manifest.program
    }
  }

  /// Its name, for people.
  public var name: String {
    switch self {
    case .textGeneration: "text generation"
    case .proofOfWork: "SHA-256 proof of work"
    case .meanOfNumbers: "mean of numbers"
    case .module(let module): module.manifest.name
    }
  }

  /// The module, where it is one.
  public var module: ProgramModule? {
    switch self {
    case .textGeneration, .proofOfWork, .meanOfNumbers: nil
    case .module(let module): module
    }
  }

  /// What counts as a record.
  public var records: RecordKind {
    switch self {
    case .textGeneration: .json
    case .proofOfWork, .meanOfNumbers: .line
    case .module(let module): module.manifest.records
    }
  }

  /// How many records cost one fuel. A text generation's is by its tokens instead (``GenerationTerms``).
  public var recordsPerFuel: UInt64 {
    switch self {
    case .textGeneration: 1
    case .proofOfWork: 1
    case .meanOfNumbers: 1_000_000
    case .module(let module): module.manifest.recordsPerFuel
    }
  }

  /// The most bytes of a part's output.
  public var outputBytes: UInt64 {
    switch self {
    case .textGeneration: 256 << 20
    case .proofOfWork, .meanOfNumbers: 4_096
    case .module(let module): module.manifest.limits.outputBytes
    }
  }

  /// Whether an output is checked without computing it again: nobody is paid for that.
  public var provesItself: Bool { self == .proofOfWork }

  /// Refuses what can't be a data set of this program.
  public func check(recordCount: UInt64, parts: UInt32) throws(NetworkError) {
    guard self != .proofOfWork || (recordCount == 1 && parts == 1) else {
      throw .badSetting(
        name: "program 84", found: "\(recordCount) records in \(parts) parts",
        allowed: "1 challenge with its target, in one part")
    }
  }

  /// Refuses a data set of which it is clear that nothing comes.
  public func check(dataSet: Data) throws(NetworkError) {
    guard self == .proofOfWork else { return }
    // It is read for everybody to whom it is offered.
    guard dataSet.count <= 1_024 else {
      throw .badSetting(
        name: "data set of program 84", found: "\(dataSet.count) bytes",
        allowed: "a challenge and its target in at most 1,024")
    }
    _ = try asNetworkError { try ProofOfWork(record: String(decoding: dataSet, as: UTF8.self)) }
  }

  /// Computes a part.
  ///
  /// Blocks while it computes: not for the cooperative pool.
  ///
  /// - Parameter generator: continues the prompts of a text generation.
  /// - Throws: ``NetworkError/moduleFailed(program:reason:)``, ``NetworkError/interrupted``, or what is wrong
  ///   with this machine, ``NetworkError/moduleCutShort(program:reason:)`` included.
  func compute(
    _ part: Data, subJob: JobID, parameters: [String: String], sandbox: ModuleSandbox?,
    generator: PromptGenerator?, stop: StopFlag
  ) throws(NetworkError) -> Data {
    switch self {
    case .textGeneration:
      guard let generator else { throw .inconsistent(what: "prompts are to be continued without a model") }
      return try generator.output(of: part, stop: stop)
    case .proofOfWork:
      let work = try asNetworkError { try ProofOfWork(record: String(decoding: part, as: UTF8.self)) }
      guard let result = work.solve(isStopped: { stop.isRaised }) else { throw .interrupted }
      return Data((result + "\n").utf8)
    case .meanOfNumbers:
      return Data(try asNetworkError { try MeanOfNumbers(part: Array(part)).output })
    case .module(let module):
      guard let sandbox else { throw .inconsistent(what: "a module is to run without a sandbox") }
      let outcome = try sandbox.run(module, part: part, job: subJob, parameters: parameters, stop: stop)
      switch outcome {
      case .output(let output, _): return output
      case .failed(let reason): throw .moduleFailed(program: "\(id)", reason: reason)
      case .cutShort(let reason, let isLimit):
        throw .moduleCutShort(program: "\(id)", reason: reason, isLimit: isLimit)
      }
    }
  }
}
