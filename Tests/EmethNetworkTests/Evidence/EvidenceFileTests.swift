import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct EvidenceFileTests {
  /// A verifier's examination of the scene's submission, opened to it under seal, as a file.
  struct Case {
    let folder: TemporaryFolder
    let examination: Verifier.Examination
    let file: URL

    init(_ scene: SubmissionScene, fault: NodeFault?, node: TrainingNode? = nil) throws {
      folder = try TemporaryFolder()
      let key = TestNetwork.key("verifier", 0)
      let verifier = Verifier(
        key: key, store: scene.store, domain: .embedded,
        opened: try ContentStore(folder: folder.url.appending(path: "opened")), fault: fault)
      let device = try Device.cpu(threads: 1)
      let sealed = try (node ?? scene.node).open(
        Challenge(
          subJob: scene.facts.subJob, verifier: key.address, seed: scene.seed, segments: scene.segments),
        to: verifier.binding(expiry: 100), at: 50, on: device)
      let question = Verifier.Question(
        submission: scene.result.submission, facts: scene.facts, seed: scene.seed, segments: scene.segments)
      examination = try verifier.examine(
        question, delivered: WireFormat.encoder.encode(sealed), device: device, stop: StopFlag())
      file = folder.url.appending(path: "evidence")
      try examination.evidence?.write(to: file)
    }
  }

  /// A lie about honest work: a whole and well-formed file that proves nothing.
  static let lie: Result<Case, any Error> = Result {
    let made = try Case(SubmissionScene.shared.get(), fault: .rejectingVerifier)
    atexit { try? FileManager.default.removeItem(at: EvidenceFileTests.lie.get().folder.url) }
    return made
  }

  @Test func anHonestSubmissionLeavesNoEvidence() throws {
    let made = try Case(SubmissionScene.shared.get(), fault: nil)
    #expect(made.examination.judgement.verdict.verdict.accepted, "\(made.examination.judgement.finding)")
    #expect(made.examination.evidence == nil)
  }

  @Test func evidenceAgainstHonestWorkDoesNotHold() throws {
    let made = try Self.lie.get()
    #expect(!made.examination.judgement.verdict.verdict.accepted)
    let evidence = try EvidenceFile(made.file)
    #expect(evidence.hash == made.examination.judgement.verdict.verdict.evidence)
    let judgement = try evidence.judge(on: Device.cpu(threads: 1))
    #expect(judgement.mismatch == nil)
    #expect(
      judgement.checks.contains { $0.contains("ends in what the node committed to") }, "\(judgement.checks)")
  }

  // MARK: - Seal

  @Test func theStoreHoldsNothingOfAnOpeningThatOthersCanRead() throws {
    let scene = try SubmissionScene()
    for state in scene.opening.segments.map(\.state) { try scene.store.remove(state) }
    let device = try Device.cpu(threads: 1)
    let verifier = Verifier(key: TestNetwork.key("verifier", 0), store: scene.store, domain: .embedded)
    let challenge = Challenge(
      subJob: scene.facts.subJob, verifier: verifier.address, seed: scene.seed, segments: scene.segments)
    let sealed = try scene.node.open(challenge, to: verifier.binding(expiry: 100), at: 50, on: device)
    #expect(sealed.states.count == 2)
    for object in sealed.objects {
      let bytes = try scene.store.get(object)
      #expect(bytes.starts(with: Data("age-encryption.org/v1\n".utf8)))
    }
    for state in sealed.states {
      #expect(try !scene.store.contains(state.state))
      let plain = try #require(scene.states.first { SHA256.hash($0) == state.state })
      #expect(try scene.store.get(state.sealed).range(of: plain.dropFirst(256).prefix(64)) == nil)
    }
    // The same answer again is the same bytes: a run that was killed goes on.
    #expect(try scene.node.open(challenge, to: verifier.binding(expiry: 100), at: 50, on: device) == sealed)
    // Another verifier can't read it, and an opening that can't be read leaves no proof.
    let folder = try TemporaryFolder()
    let other = Verifier(
      key: TestNetwork.key("verifier", 1), store: scene.store, domain: .embedded,
      opened: try ContentStore(folder: folder.url))
    let question = Verifier.Question(
      submission: scene.result.submission, facts: scene.facts, seed: scene.seed, segments: scene.segments)
    let examination = try other.examine(
      question, delivered: WireFormat.encoder.encode(sealed), device: device, stop: StopFlag())
    #expect(examination.judgement.mismatch?.kind == .withheld)
  }

  @Test func aKeyThatTheVerifierHasNotBoundIsRefused() throws {
    let scene = try SubmissionScene.shared.get()
    let device = try Device.cpu(threads: 1)
    let verifier = Verifier(key: TestNetwork.key("verifier", 0), store: scene.store, domain: .embedded)
    let challenge = Challenge(
      subJob: scene.facts.subJob, verifier: verifier.address, seed: scene.seed, segments: scene.segments)
    let foreign = Verifier(key: TestNetwork.key("verifier", 1), store: scene.store, domain: .embedded)
    for binding in [foreign.binding(expiry: 100), verifier.binding(expiry: 50)] {
      #expect(throws: NetworkError.self) {
        try scene.node.open(challenge, to: binding, at: 50, on: device)
      }
    }
  }

  // MARK: - Hostile files

  private func refusal(_ data: Data) throws -> String {
    do {
      _ = try EvidenceFile(data, name: "file").judge(on: Device.cpu(threads: 1))
      return ""
    } catch NetworkError.malformed(_, let reason) {
      return reason
    }
  }

  /// What speaks last against a file that can be read and proves nothing.
  private func disproof(_ data: Data) throws -> String {
    let judgement = try EvidenceFile(data, name: "file").judge(on: Device.cpu(threads: 1))
    try #require(judgement.mismatch == nil)
    return judgement.checks.last ?? ""
  }

  @Test func aFileThatIsCutAnywhereIsRefused() throws {
    let whole = try Data(contentsOf: Self.lie.get().file)
    let step = max(1, whole.count / 300)
    for length in Array(stride(from: 0, to: whole.count, by: step)) + [8, 11, 12, whole.count - 1] {
      #expect(try !refusal(whole.prefix(length)).isEmpty, "\(length) bytes")
    }
    #expect(try refusal(whole + Data([0])).contains("behind its end"))
  }

  @Test func aChangedByteNeverMakesALieHold() throws {
    let whole = try Data(contentsOf: Self.lie.get().file)
    var places = Array(stride(from: 0, to: whole.count, by: max(1, whole.count / 250)))
    places += (0..<64).map { 12 + $0 * 31 }.filter { $0 < whole.count }
    for place in places {
      var changed = whole
      changed[changed.startIndex + place] ^= 1
      let judgement = try? EvidenceFile(changed, name: "file").judge(on: Device.cpu(threads: 1))
      // Nothing that can be changed without the node's key turns its work into a cheat, except what the
      // Execution Layer's record says, which the checks name.
      #expect(
        judgement?.mismatch == nil || judgement?.mismatch?.kind == .submission,
        "byte \(place): \(judgement as Any)")
    }
  }

  /// The file with another header, its sections as they are.
  private func changed(_ change: (inout EvidenceHeader) -> Void) throws -> Data {
    let file = try EvidenceFile(Self.lie.get().file)
    var header = file.header
    change(&header)
    let encoded = try header.encoded()
    var data = EvidenceFile.magic
    let length = UInt32(encoded.count).bigEndian
    withUnsafeBytes(of: length) { data.append(contentsOf: $0) }
    data.append(encoded)
    for section in file.header.sections { data.append(file.content(section.name) ?? Data()) }
    data.append(try EvidenceFile.encoded(EvidenceTrailer()))
    return data
  }

  @Test func headersThatLeadAstrayAreRefused() throws {
    let cases: [(String, (inout EvidenceHeader) -> Void)] = [
      ("version 2", { $0.version = 2 }),
      ("another place", { $0.facts.subJob = JobID(requester: .zero, salt: .zero) }),
      ("sequences, allowed", { $0.facts.sequenceCount = .max }),
      ("sequences, allowed", { $0.facts.sequenceCount = -1 }),
      ("not ascending", { $0.drawn = [] }),
      ("not ascending", { $0.drawn = [4, 1] }),
      ("not ascending", { $0.drawn = [1, 4, .max] }),
      ("not ascending", { $0.drawn = [-1, 1, 4] }),
      ("not ascending", { $0.finding.segment = 2 }),
      ("about no segment", { $0.finding.segment = nil }),
      ("there twice", { $0.sections.append($0.sections[0]) }),
      ("ends within", { $0.sections[0].byteCount = 1 << 29 }),
      ("allowed are at most", { $0.sections[0].byteCount = .max }),
      ("has hash", { $0.sections.swapAt(0, 1) }),
      ("has hash", { $0.sections[1].sha256 = .zero }),
    ]
    for (reason, change) in cases {
      let found = try refusal(changed(change))
      #expect(found.contains(reason), "\(reason): \(found)")
    }
  }

  @Test func factsThatTheNodeHasNotAgreedToProveNothing() throws {
    // Another number of sequences or other exponents would give another order and another update.
    for change in [
      { $0.facts.sequenceCount += 1 }, { $0.facts.exponents[0] += 1 },
    ] as [(inout EvidenceHeader) -> Void] {
      #expect(try disproof(changed(change)).contains("another part of the data"))
    }
  }

  @Test func anOpeningThatTheNodeHasNotSignedProvesNothing() throws {
    var data = try changed {
      $0.statement = nil
      $0.finding.kind = .opening
    }
    let judgement = try EvidenceFile(data, name: "file").judge(on: Device.cpu(threads: 1))
    #expect(judgement.mismatch == nil && judgement.checks.contains("nobody has signed this opening"))
    // Signed by somebody else.
    let scene = try SubmissionScene.shared.get()
    data = try changed { header in
      guard let statement = header.statement else { return }
      header.statement = SignedOpeningStatement(
        signing: statement.content, in: .embedded, with: SubmissionScene.otherNodeKey)
      header.facts.node = scene.facts.node
    }
    #expect(try disproof(data).contains("not signed by the node"))
  }

  @Test func whatNobodySignedProvesNothing() throws {
    let scene = try SubmissionScene.shared.get()
    let submission = scene.result.submission
    let forged = try changed {
      $0.submission = SignedSubmission(
        signing: submission.content, in: .embedded, with: SubmissionScene.otherNodeKey)
    }
    #expect(try disproof(forged).contains("the node has not signed this submission"))
    #expect(try disproof(changed { $0.finding.kind = .withheld }).contains("leaves no proof"))
    #expect(
      try disproof(changed { $0.finding.kind = .opening }).contains("ends in what the node committed to"))
    // A verdict on something else stands behind it.
    let made = try Case(scene, fault: .rejectingVerifier)
    var trailer = EvidenceTrailer()
    let verdict = made.examination.judgement.verdict.verdict
    trailer.verdicts = [
      SignedVerdict(
        signing: Verdict(
          jobID: verdict.jobID, submission: .zero, verifier: verdict.verifier, accepted: false,
          seed: verdict.seed, step: verdict.step, stepRoot: verdict.stepRoot, evidence: verdict.evidence),
        in: .embedded, with: TestNetwork.key("verifier", 0))
    ]
    try EvidenceFile.replaceTrailer(of: made.file, by: trailer)
    #expect(try disproof(Data(contentsOf: made.file)).contains("is none on this submission"))
  }

  @Test func lengthsOfJSONAreLimited() throws {
    let huge = EvidenceFile.magic + Data([0xff, 0xff, 0xff, 0xff]) + Data(count: 64)
    #expect(try refusal(huge).contains("allowed are at most"))
    #expect(try refusal(Data("{}".utf8)).contains("ends within its first bytes"))
    #expect(try refusal(Data("something else".utf8)).contains("no evidence file"))
    #expect(
      try refusal(EvidenceFile.magic + Data([0, 0, 0, 2]) + Data("{}".utf8)).contains("cannot be read"))
  }

  @Test func anotherTrailerTakesThePlaceOfTheFirst() throws {
    let made = try Case(SubmissionScene.shared.get(), fault: .rejectingVerifier)
    var trailer = EvidenceTrailer()
    trailer.verdicts = [made.examination.judgement.verdict]
    let hash = try EvidenceFile(made.file).hash
    for _ in 0..<2 {
      try EvidenceFile.replaceTrailer(of: made.file, by: trailer)
      let file = try EvidenceFile(made.file)
      #expect(file.trailer == trailer && file.hash == hash)
    }
    #expect(EvidenceFile.isEvidence(made.file))
    #expect(!EvidenceFile.isEvidence(made.folder.url))
  }
}

@Suite struct SegmentTraceTests {
  /// What operators put out is the same on any number of threads, and tracing changes no bit of the states.
  @Test func aTraceIsTheSameOnAnyMachine() throws {
    let scene = try SubmissionScene.shared.get()
    let data = scene.data
    func trace(threads: Int, operatorsOf step: Int?) throws -> SegmentTrace {
      let run = try TrainingRun(
        manifest: scene.manifest, position: scene.assignment.position,
        sequenceCount: scene.facts.sequenceCount, device: Device.cpu(threads: threads),
        microBatch: step == nil ? nil : 1)
      try run.state.decode(scene.states[1])
      return try SegmentTrace(run.schedule.steps(ofSegment: 1), operatorsOf: step, in: run) {
        step, trace throws(NetworkError) in
        _ = try run.train(step: step, trace: trace) { index in data.tokens(index) }
        return true
      }
    }
    let plain = try trace(threads: 2, operatorsOf: nil)
    let one = try trace(threads: 1, operatorsOf: 3)
    #expect(plain.steps.count == 2 && plain.chain.isEmpty && one.steps == plain.steps)
    #expect(plain.steps.last == scene.opening.boundaries.first { $0.boundary == 2 }?.stateRoot)
    #expect(try trace(threads: 2, operatorsOf: 3) == one)
    #expect(one.step == 3 && one.chain.count == one.operators.count + 1 && one.chain.last == one.steps.last)
    #expect(one.operators.first == "sequences" && one.operators.last == "AdamW")
    #expect(Set(one.operators).count == one.operators.count, "every operator has a name of its own")
    #expect(one.operators.contains("sequence 2, layer 0: attention"))
  }
}
