import EmethKit
import Foundation

/// What a job of EMETH Core asks to be computed: read and computed in one place, by its node and by the verifier that
/// computes it again.
final class LayerOneWork: Sendable {
  /// What came of it.
  struct Outcome: Sendable {
    var outcome: PartOutcome
    /// By the program's formula, and no more than the job pays for.
    var fuel: Fuel
  }

  let id: JobID
  let program: ComputedProgram
  let parameters: [String: String]
  let source: Source
  private let fuelLimit: Fuel

  /// Where what is to be computed stands.
  enum Source: Sendable {
    /// In a file of its requester, which the job names.
    case file(JobFileReference)
    /// In the job itself, as a proof of work's record.
    case proof(ProofOfWork, record: String)
  }

  /// The parameter that names an external program's module by its hash.
  static let moduleKey = "module"
  /// The most bytes of an input or an output.
  static let contentByteLimit = 256 << 20
  /// The most bytes of the archive in which it travels.
  static let archiveByteLimit = contentByteLimit + 65_536

  /// The work of a job.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)``, ``NetworkError/malformed(what:reason:)``: why this
  ///   machine can't do it, or nobody.
  init(_ job: LayerOneJob, modules: [ProgramModule]) throws(NetworkError) {
    id = job.id
    var given = try Self.parameters(job.detail.parameters)
    let module = given.removeValue(forKey: Self.moduleKey)
    let number = job.detail.programID
    if number.isExternal {
      let own = modules.filter { "\($0.manifest.hash)" == module }
      program = try ComputedProgram(number, modules: own)
    } else {
      guard module == nil else {
        throw .badSetting(
          name: "parameter", found: Self.moduleKey, allowed: "that of a program from 10000 on")
      }
      program = try ComputedProgram(number, modules: [])
    }
    parameters = given
    let text = job.detail.dataset
    if program.provesItself {
      source = .proof(try asNetworkError { try ProofOfWork(record: text) }, record: text)
    } else if let reference = JobFileReference(text, .input, of: job.id, from: job.job.owner) {
      source = .file(reference)
    } else {
      throw .malformed(
        what: "data set of job \(job.id)", reason: "it names no input of its requester with its hash")
    }
    fuelLimit = job.job.fuelLimit
    // What its manifest may not say is refused before the deposit is locked.
    _ = try ComputedManifest(program, parameters: parameters, recordCount: 1)
  }

  /// The input, as the job names it.
  ///
  /// - Parameter folder: where it lies meanwhile.
  func input(from files: ServerClient, in folder: URL) async throws(NetworkError) -> Data {
    let input: JobFileReference
    switch source {
    case .file(let reference): input = reference
    case .proof(_, let record): return Data(record.utf8)
    }
    let found = try await files.content(of: .input, of: id, in: folder)
    guard found.hash == input.contentHash else {
      throw .malformed(
        what: "input of job \(id)",
        reason: "it has the hash \(found.hash), the job names \(input.contentHash)")
    }
    return found.bytes
  }

  /// Computes an input, whose hash was checked.
  ///
  /// Blocks: not for the cooperative pool.
  ///
  /// - Parameter node: whose result it is: that of a proof of work is worth nothing to anybody else.
  func compute(
    _ input: Data, by node: Address, sandbox: ModuleSandbox?, stop: StopFlag
  ) throws(NetworkError) -> Outcome {
    let records = try asNetworkError { try program.records.records(in: Array(input)).count }
    let manifest = try ComputedManifest(program, parameters: parameters, recordCount: UInt64(records))
    let fuel = try manifest.partFuel(parts: 1)
    if case .proof(let work, _) = source {
      guard let solution = work.solve(startingWith: node.bytes, isStopped: { stop.isRaised }) else {
        throw .interrupted
      }
      return Outcome(outcome: .output(Data(solution.utf8)), fuel: min(fuel, fuelLimit))
    }
    let outcome = try program.outcome(
      of: input, subJob: id, parameters: parameters, sandbox: sandbox, stop: stop)
    // Nobody would fetch it.
    if let count = outcome.output?.count, count > Self.contentByteLimit {
      throw .malformed(
        what: "output of job \(id)", reason: "it has \(count) bytes, allowed are \(Self.contentByteLimit)")
    }
    return Outcome(outcome: outcome, fuel: min(fuel, fuelLimit))
  }

  /// What a job's parameters say: a JSON object, whose members are texts, numbers or truth values.
  private static func parameters(_ text: String) throws(NetworkError) -> [String: String] {
    if text.isEmpty { return [:] }
    return try asNetworkError {
      var found: [String: String] = [:]
      for member in try JSONValue(parsing: text).objectMembers() {
        switch member.value {
        case .string(let value), .number(let value): found[member.key] = value
        case .bool(let value): found[member.key] = "\(value)"
        case .object, .array, .null:
          throw NetworkError.malformed(
            what: "parameters of a job", reason: "\(member.key) is neither a text nor a number")
        }
      }
      return found
    }
  }
}
