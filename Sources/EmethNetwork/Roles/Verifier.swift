import EmethCompute
import EmethKit
import Foundation

/// What the Execution Layer says about a SubJob, against which a submission is judged.
public struct SubJobFacts: Codable, Sendable, Hashable {
  /// The SubJob.
  public var subJob: JobID
  /// Its place in the parent.
  public var position: SubJobPosition
  /// The account that took it.
  public var node: Address
  /// The manifest, canonical JSON.
  public var manifest: String
  /// Root of the part's salted record leaves.
  public var dataRoot: Bytes32
  /// How many sequences the part has.
  public var sequenceCount: Int
  /// Object: parameters at the beginning of the round.
  public var startingParameters: Bytes32
  /// State root at the beginning of the round.
  public var initRoot: Bytes32
  /// Quantiser exponents of the round.
  public var exponents: [Int32]
  /// What is public of the part's noise; `nil` without.
  public var noise: PartNoise?
  /// Fuel of the SubJob by the formula.
  public var fuel: Fuel
  /// The program of a SubJob that is no training; `nil` for one that is.
  public var program: ProgramID?
}

/// A verifier's finding on one submission.
public struct Judgement: Codable, Sendable, Hashable {
  /// The signed verdict.
  public var verdict: SignedVerdict
  /// What was found, in words.
  public var finding: String
  /// What is held against the submission; `nil` when it is accepted.
  public var mismatch: Finding?
  /// The segments that were replayed.
  public var segments: [Int]
}

/// A third party that checks a submission by replaying drawn segments (PROTOCOL 7).
///
/// It gets a submission, the Execution Layer's facts and an opening as encoded bytes, reads objects by hash
/// from the store, and never sees a node's objects, folders or settings.
public struct Verifier: Sendable {
  let key: PrivateKey
  let store: ContentStore
  let domain: EIP712Domain
  /// Where it keeps what was opened to it, which nobody else reads.
  let opened: ContentStore
  /// Where it keeps the updates that it recomputed until their sum has checked; `nil` keeps none.
  let folder: URL?
  /// What it does instead of its work.
  let fault: NodeFault?

  /// A verifier with its key and its view of the store.
  ///
  /// - Parameters:
  ///   - opened: where it keeps what was opened to it; `nil` for openings whose states lie in `store`
  ///   already.
  ///   - folder: its own folder.
  ///   - fault: how it cheats.
  public init(
    key: PrivateKey, store: ContentStore, domain: EIP712Domain, opened: ContentStore? = nil,
    folder: URL? = nil, fault: NodeFault? = nil
  ) {
    self.key = key
    self.store = store
    self.domain = domain
    self.opened = opened ?? store
    self.folder = folder
    self.fault = fault
  }

  /// The verifier's account.
  public var address: Address { key.address }

  /// The secret behind commitment `number`; 32 bytes that only this verifier knows until it is used. In another domain
  /// it is another one: what was revealed in one network gives nothing away in the next.
  ///
  /// - Parameter posted: The commitment as it was posted, where that is known: earlier versions made secrets of the number
  ///   alone, and those that wait to be used are still revealed.
  func secret(_ number: UInt32, posted: Bytes32? = nil) -> Bytes32 {
    let earlierLabel = Array("verifier secret".utf8)
    // All networks with the embedded ledger have one domain, which tells none from another: theirs stay what they were.
    let label =
      domain == .embedded ? earlierLabel : Array("secret of a verifier".utf8) + domain.separator.bytes
    let secret = secret(of: label, number)
    guard let posted, posted != SegmentDraw.commitment(address: address, secret: secret) else {
      return secret
    }
    let earlier = self.secret(of: earlierLabel, number)
    return posted == SegmentDraw.commitment(address: address, secret: earlier) ? earlier : secret
  }

  private func secret(of label: [UInt8], _ number: UInt32) -> Bytes32 {
    key.withSecretBytes { HMACSHA256.authenticate(label + number.bigEndianBytes, key: $0) }
  }

  /// The commitment posted before any submission it is used on.
  func commitment(_ number: UInt32) -> Bytes32 {
    SegmentDraw.commitment(address: address, secret: secret(number))
  }

  /// The segments to replay: `count` drawn ones and the last, or all when `count` is nil.
  static func draw(seed: Bytes32, count: Int?, of segments: Int) -> [Int] {
    guard let count, count < segments else { return Array(0..<segments) }
    return SegmentDraw.segments(seed: seed, count: count, of: segments)
  }

  /// Whether a seed draws these segments, in one number or another: as many as there are, or one less where the last
  /// one came besides.
  static func mayDraw(_ segments: [Int], seed: Bytes32, of count: Int) -> Bool {
    [segments.count - 1, segments.count].contains { drawn in
      drawn >= 0 && segments == draw(seed: seed, count: drawn, of: count)
    }
  }

  /// Its word on the key that openings for it are sealed to.
  func binding(expiry: UInt64) -> SignedKeyBinding {
    SignedKeyBinding(signing: KeyBinding(of: key, expiry: expiry), in: domain, with: key)
  }

  /// Judges a submission from its opening, whose states lie in the store.
  ///
  /// - Parameters:
  ///   - submission: the node's signed submission, encoded.
  ///   - facts: what the Execution Layer says about the SubJob, encoded.
  ///   - opening: the node's answer to the challenge, encoded.
  ///   - seed: the challenge's seed; `segments` were drawn from it.
  /// - Returns: an accepting or rejecting judgement. An error means that this verifier could not do its
  ///   work (its disk or device failed), which is no verdict.
  public func judge(
    submission: Data, facts: Data, opening: Data, seed: Bytes32, segments: [Int], device: Device,
    stop: StopFlag = StopFlag()
  ) throws(NetworkError) -> Judgement {
    let question = try question(submission: submission, facts: facts, seed: seed, segments: segments)
    return try examine(question, statement: nil, opening: opening, device: device, stop: stop).judgement
  }

  /// What a verifier is asked: is this submission, of this SubJob, right in these segments.
  struct Question {
    let submission: SignedSubmission
    let facts: SubJobFacts
    let seed: Bytes32
    let segments: [Int]
  }

  func question(
    submission: Data, facts: Data, seed: Bytes32, segments: [Int]
  ) throws(NetworkError) -> Question {
    let facts: SubJobFacts = try Self.decode("facts about a SubJob", facts)
    let submission: SignedSubmission = try Self.decode("submission", submission)
    return Question(submission: submission, facts: facts, seed: seed, segments: segments)
  }

  /// What a verifier makes of a submission.
  struct Examination {
    var judgement: Judgement
    /// What it can show for a rejection.
    var evidence: EvidenceDraft?
    /// A second verdict of one that cheats.
    var contradiction: SignedVerdict?
    /// The opening as it was read, for what is asked later.
    var opening: Data
    var statement: SignedOpeningStatement?
  }

  /// Judges a submission from an opening that is sealed to this verifier.
  ///
  /// An opening that cannot be read is a mismatch that nothing proves: others have to find the same.
  func examine(
    _ question: Question, delivered: Data, device: Device, stop: StopFlag
  ) throws(NetworkError) -> Examination {
    guard let sealed = try? JSONDecoder().decode(SealedOpening.self, from: delivered) else {
      return try examine(question, statement: nil, opening: Data(), device: device, stop: stop)
    }
    let identity = key.sealingIdentity()
    // What does not open, or is something else than it is called, is missed where it is needed.
    for object in sealed.states {
      _ = try NetworkError.delivered { () throws(NetworkError) in
        try opened.open(object.sealed, from: store, with: identity)
      }
    }
    let document = try NetworkError.delivered { () throws(NetworkError) in
      try opened.get(opened.open(sealed.document, from: store, with: identity))
    }
    return try examine(
      question, statement: sealed.statement, opening: document ?? Data(), device: device, stop: stop)
  }

  private func examine(
    _ question: Question, statement: SignedOpeningStatement?, opening: Data, device: Device, stop: StopFlag
  ) throws(NetworkError) -> Examination {
    let replay = replay(question, statement: statement)
    let outcome = try outcome(of: replay, opening: opening, device: device, stop: stop)
    if let update = outcome.update, outcome.finding == nil {
      try keep(update, salts: outcome.resultSalts, of: question.facts.subJob)
    }
    var evidence: EvidenceDraft?
    if let finding = outcome.finding {
      evidence = try EvidenceDraft(
        domain: domain, facts: question.facts, submission: question.submission, seed: question.seed,
        drawn: question.segments, statement: statement, finding: finding, opening: opening,
        object: replay.object)
    }
    let accepted = outcome.finding == nil
    func signed(accepted: Bool, evidence: Bytes32) -> SignedVerdict {
      SignedVerdict(
        signing: Verdict(
          jobID: question.facts.subJob, submission: question.submission.digest, verifier: address,
          accepted: accepted, seed: question.seed, step: outcome.step, stepRoot: outcome.stepRoot,
          evidence: evidence), in: domain, with: key)
    }
    let hash = try evidence?.header.hash() ?? .zero
    return Examination(
      judgement: Judgement(
        verdict: signed(accepted: accepted, evidence: hash),
        finding: outcome.finding?.text ?? "\(question.segments.count) segments replayed to the same bytes",
        mismatch: outcome.finding, segments: question.segments),
      evidence: evidence,
      contradiction: fault == .twoVerdicts
        ? signed(accepted: !accepted, evidence: accepted ? question.seed : .zero) : nil,
      opening: opening, statement: statement)
  }

  /// The replay of a question, from what was opened to this verifier and what everybody can read.
  func replay(_ question: Question, statement: SignedOpeningStatement?) -> SegmentReplay {
    SegmentReplay(
      facts: question.facts, submission: question.submission, seed: question.seed,
      segments: question.segments, statement: statement, domain: domain,
      object: { [opened, store] hash throws(NetworkError) in
        try opened.contains(hash) ? opened.get(hash) : store.get(hash)
      })
  }

  /// What comes of a replay, or what a verifier that cheats says comes of it.
  private func outcome(
    of replay: SegmentReplay, opening: Data, device: Device, stop: StopFlag
  ) throws(NetworkError) -> SegmentReplay.Outcome {
    switch fault {
    case .stampingVerifier, .accompliceVerifier:
      var outcome = SegmentReplay.Outcome()
      let manifest = try asNetworkError { try TrainingManifest(json: replay.facts.manifest) }
      if fault == .accompliceVerifier {
        // Who holds no update is replayed at once.
        let model = try asNetworkError { try ModelConfiguration(manifest.model) }
        outcome.update = Data(count: model.parameterCount * UpdateRing.wordByteCount)
      }
      outcome.step = manifest.interiorStep(seed: replay.seed, segments: replay.segments)
      outcome.stepRoot = SHA256.hash(Array("a stamp".utf8) + replay.seed.bytes)
      return outcome
    case .speakingAccomplice:
      var outcome = try replay.run(opening: opening, device: device, stop: stop)
      if outcome.finding?.kind == .result {
        outcome.update = outcome.update.map(Update.negated)
        outcome.finding = nil
      }
      return outcome
    case .rejectingVerifier:
      var outcome = try replay.run(opening: opening, device: device, stop: stop)
      let (segment, root) = (replay.segments.last ?? 0, SHA256.hash(Array("a lie".utf8) + replay.seed.bytes))
      outcome.finding = Finding(
        .replay, segment: segment, "segment \(segment): replay ends in state \(root)", replayedRoot: root)
      return outcome
    case .falseRoot:
      var outcome = try replay.run(opening: opening, device: device, stop: stop)
      outcome.stepRoot = SHA256.hash(Array("another state".utf8) + outcome.stepRoot.bytes)
      return outcome
    default:
      return try replay.run(opening: opening, device: device, stop: stop)
    }
  }

  private static func decode<Value: Decodable>(_ what: String, _ bytes: Data) throws(NetworkError) -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: bytes)
    } catch {
      throw .malformed(what: what, reason: "\(error)")
    }
  }
}

extension TrainingManifest {
  /// The local step after which a verdict names the state root.
  func interiorStep(seed: Bytes32, segments: [Int]) -> UInt32 {
    let length = segmentLength
    let inside = SegmentDraw.interiorStep(seed: seed, segments: segments) { segment in
      min(stepsPerRound, (UInt32(segment) + 1) * length) - UInt32(segment) * length
    }
    return UInt32(inside.segment) * length + inside.offset - 1
  }
}

extension FixedWidthInteger {
  /// The integer's bytes, most significant first, as hashes take them.
  var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
