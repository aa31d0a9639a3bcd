import EmethKit
import Foundation

/// What came of a part.
enum PartOutcome: Sendable, Equatable {
  case output(Data)
  /// The module says no to it, in its words: an answer like an output, and checked like one.
  case refusal(String)

  /// What a run that ended with an error says: a module's no is an outcome, everything else is this machine's own.
  ///
  /// - Parameter limitsCount: whether a module that has used up the time of its own manifest says no with that.
  init(of error: NetworkError, limitsCount: Bool) throws(NetworkError) {
    switch error {
    case .moduleFailed(_, let words): self = .refusal(words)
    case .moduleCutShort(_, let words, isLimit: true) where limitsCount: self = .refusal(words)
    default: throw error
    }
  }

  /// The output; nil where the module says no.
  var output: Data? {
    guard case .output(let output) = self else { return nil }
    return output
  }

  /// What the module says; nil where there is an output.
  var refusal: String? {
    guard case .refusal(let words) = self else { return nil }
    return words
  }
}

extension ComputedProgram {
  /// Computes a part, or finds that the module says no to it.
  ///
  /// Blocks while a module runs: not for the cooperative pool.
  ///
  /// - Parameter limitsCount: whether a module that has used up the time of its own manifest says no with that.
  func outcome(
    of part: Data, subJob: JobID, parameters: [String: String], sandbox: ModuleSandbox?,
    generator: PromptGenerator? = nil, limitsCount: Bool = false, stop: StopFlag
  ) throws(NetworkError) -> PartOutcome {
    do throws(NetworkError) {
      return .output(
        try compute(
          part, subJob: subJob, parameters: parameters, sandbox: sandbox, generator: generator, stop: stop))
    } catch {
      return try PartOutcome(of: error, limitsCount: limitsCount)
    }
  }
}

extension ComputedManifest {
  /// Fuel that a part has used.
  ///
  /// - Parameter limit: what is paid for it at most: all of it, where it is no text.
  func fuel(of outcome: PartOutcome, limit: Fuel) throws(NetworkError) -> Fuel {
    guard let generation, let output = outcome.output else { return limit }
    return try min(limit, generation.fuel(ofOutput: output))
  }

  /// What continues the prompts of a part; nil for other programs.
  func generator(on bench: GenerationBench?) -> PromptGenerator? {
    guard let generation, let bench else { return nil }
    return PromptGenerator(terms: generation, bench: bench)
  }
}

/// What a node commits to as a part's outcome. It stands behind a salt that the part's secret gives, so that nobody
/// guesses a short output.
struct OutputCommitment {
  private let salt: [UInt8]

  init(partSecret: Bytes32, subJob: JobID) {
    salt = HMACSHA256.authenticate(Array("output".utf8) + subJob.bytes, key: partSecret.bytes).bytes
  }

  /// The resultRoot: SHA-256 of the salt and the output; a module's no has one of its own, whatever its words.
  func root(of outcome: PartOutcome) -> Bytes32 {
    guard let output = outcome.output else { return refusalRoot }
    var hash = rootHash
    hash.update(output)
    return hash.finalize()
  }

  /// What a verdict names: only who has the output knows it.
  func proof(of outcome: PartOutcome, seed: Bytes32) -> Bytes32 {
    guard let output = outcome.output else { return refusalProof(seed: seed) }
    var hash = Self.proofHash(seed: seed)
    hash.update(output)
    return hash.finalize()
  }

  /// The resultRoot of a part to which the module says no.
  var refusalRoot: Bytes32 { SHA256.hash(Array("no output".utf8) + salt) }

  /// What a verdict on a no names. Whoever got the part could write it: such a verdict is given twice.
  func refusalProof(seed: Bytes32) -> Bytes32 {
    SHA256.hash(Array("no output seen".utf8) + seed.bytes + salt)
  }

  /// The resultRoot's hash, to be fed with the output piece by piece.
  var rootHash: SHA256 {
    var hash = SHA256()
    hash.update(salt)
    return hash
  }

  /// The hash of what a verdict names, to be fed with the output piece by piece.
  static func proofHash(seed: Bytes32) -> SHA256 {
    var hash = SHA256()
    hash.update(Array("output seen".utf8) + seed.bytes)
    return hash
  }
}
