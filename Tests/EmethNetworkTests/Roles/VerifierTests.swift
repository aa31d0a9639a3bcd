import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct VerifierTests {
  @Test func encodedFilesAreAllItNeeds() throws {
    let scene = try SubmissionScene()
    let evidence = try Evidence(scene)
    try FileManager.default.removeItem(at: scene.folder.url)

    let judgement = try evidence.judged(segments: scene.segments, seed: scene.seed)
    let verdict = judgement.verdict.verdict
    #expect(verdict.accepted, "\(judgement.finding)")
    #expect(verdict.jobID == scene.facts.subJob)
    #expect(verdict.submission == scene.result.submission.digest)
    #expect(verdict.seed == scene.seed)
    #expect(verdict.evidence == .zero)
    #expect(judgement.segments == scene.segments)
    try judgement.verdict.check(of: scene.result.submission.digest, in: .embedded)
    #expect(judgement.verdict.signer == TestNetwork.key("verifier", 0).address)
  }

  @Test func theRootInsideASegmentIsThatOfTheStep() throws {
    let scene = try SubmissionScene.shared.get()
    // The last segment has a single step, hence nothing inside.
    var seen: Set<UInt32> = []
    for number in 0..<6 {
      let seed = SHA256.hash(Array("draw \(number)".utf8))
      let verdict = try Evidence(scene).judged(segments: scene.segments, seed: seed).verdict.verdict
      let drawn = SegmentDraw.interiorStep(seed: seed, segments: scene.segments) { $0 == 4 ? 1 : 2 }
      #expect(Int(verdict.step) == drawn.segment * 2 + Int(drawn.offset) - 1)
      let inside = try state(steps: drawn.segment * 2..<drawn.segment * 2 + Int(drawn.offset), scene: scene)
      #expect(verdict.stepRoot == inside)
      seen.insert(verdict.step)
    }
    #expect(seen == [2], "the first step of segment 1, counted from 0")
  }

  /// The root after these steps, from the node's state before them.
  private func state(steps: Range<Int>, scene: SubmissionScene) throws -> Bytes32 {
    let run = try TrainingRun(
      manifest: scene.manifest, position: scene.assignment.position, sequenceCount: scene.facts.sequenceCount,
      device: Device.cpu(threads: 2))
    try run.state.decode(scene.states[steps.lowerBound / 2])
    let data = scene.data
    for step in steps { _ = try run.train(step: step) { index in data.tokens(index) } }
    return try run.stateRoot()
  }

  @Test func whoeverVerifiesFindsTheSame() throws {
    let scene = try SubmissionScene.shared.get()
    let first = try Evidence(scene).judged(segments: scene.segments, seed: scene.seed).verdict.verdict
    let key = TestNetwork.key("verifier", 1)
    let second = try Evidence(scene).judged(segments: scene.segments, seed: scene.seed, by: key).verdict
      .verdict
    #expect(second.accepted && first.accepted)
    #expect(second.verifier == key.address && first.verifier != key.address)
    #expect(second.step == first.step && second.stepRoot == first.stepRoot && first.stepRoot != .zero)
  }

  @Test(arguments: Tampering.submissions + Tampering.openings + Tampering.sequences + Tampering.states)
  func whatWasTamperedWithIsNamed(tampering: Tampering) throws {
    let scene = try SubmissionScene.shared.get()
    var evidence = try Evidence(scene)
    try tampering.apply(&evidence, scene)
    let judgement = try evidence.judged(segments: scene.segments, seed: scene.seed)
    #expect(!judgement.verdict.verdict.accepted)
    #expect(judgement.finding.contains(tampering.finding), "\(judgement.finding)")
    #expect(judgement.verdict.verdict.evidence != .zero)
    try judgement.verdict.check(of: evidence.submission.digest, in: .embedded)
  }

  @Test func whatIsNotDrawnIsNotSeen() throws {
    // A state between the drawn segments can be anything: that is the price of sampling, and why it is drawn.
    let scene = try SubmissionScene.shared.get()
    var evidence = try Evidence(scene)
    var states = scene.states
    states[3][100] ^= 1
    try evidence.commit(to: states, opening: [1, 4], scene: scene)
    #expect(try evidence.judged(segments: [1, 4], seed: scene.seed).verdict.verdict.accepted)
  }

  // MARK: - The verifier's own failures are no verdicts

  @Test func aStopIsNoVerdict() throws {
    let scene = try SubmissionScene.shared.get()
    let stop = StopFlag()
    stop.raise()
    #expect(throws: NetworkError.interrupted) {
      try Evidence(scene).judged(segments: scene.segments, seed: scene.seed, stop: stop)
    }
  }

  /// A disk that fails says nothing of the node.
  @Test func anObjectThatCannotBeReadIsNoVerdict() throws {
    let scene = try SubmissionScene.shared.get()
    let evidence = try Evidence(scene)
    let state = try #require(evidence.opening.segments.first?.state)
    let file = evidence.store.location(of: state)
    try FileManager.default.removeItem(at: file)
    // A missing one does: the node did not deliver it.
    #expect(!(try evidence.judged(segments: scene.segments, seed: scene.seed)).verdict.verdict.accepted)
    try FileManager.default.createDirectory(at: file, withIntermediateDirectories: true)
    #expect {
      try evidence.judged(segments: scene.segments, seed: scene.seed)
    } throws: { error in
      guard case NetworkError.fileFailed = error else { return false }
      return true
    }
  }

  @Test func aModelThatItsOwnStoreLacksIsNoVerdict() throws {
    let scene = try SubmissionScene.shared.get()
    let evidence = try Evidence(scene)
    try evidence.store.remove(scene.facts.startingParameters)
    #expect(throws: NetworkError.missingObject(hash: scene.facts.startingParameters)) {
      try evidence.judged(segments: scene.segments, seed: scene.seed)
    }
  }

  @Test func factsThatContradictEachOtherAreNoVerdict() throws {
    let scene = try SubmissionScene.shared.get()
    var evidence = try Evidence(scene)
    evidence.facts.startingParameters = try evidence.store.put(Data(count: 4 * 2))
    #expect(throws: NetworkError.self) { try evidence.judged(segments: scene.segments, seed: scene.seed) }
    // The node is judged by what the Execution Layer says, and that model does not have the round's root.
    evidence = try Evidence(scene)
    var parameters = Data(try evidence.store.get(scene.facts.startingParameters))
    parameters[0] ^= 1
    evidence.facts.startingParameters = try evidence.store.put(parameters)
    #expect(
      throws: NetworkError.inconsistent(what: "the round's starting parameters do not have its initRoot")
    ) {
      try evidence.judged(segments: scene.segments, seed: scene.seed)
    }
  }

  @Test func bytesThatAreNoFactsAreNoVerdict() throws {
    let scene = try SubmissionScene.shared.get()
    let verifier = Verifier(key: TestNetwork.key("verifier", 0), store: scene.store, domain: .embedded)
    let device = try Device.cpu(threads: 1)
    let opening = try WireFormat.encoder.encode(scene.opening)
    let submission = try WireFormat.encoder.encode(scene.result.submission)
    let facts = try WireFormat.encoder.encode(scene.facts)
    for (submission, facts, name) in [(Data("{}".utf8), facts, "submission"), (submission, Data(), "facts")] {
      #expect {
        try verifier.judge(
          submission: submission, facts: facts, opening: opening, seed: scene.seed, segments: [4],
          device: device)
      } throws: { error in
        guard case NetworkError.malformed(let what, _) = error else { return false }
        return what.contains(name)
      }
    }
  }

  // MARK: - Draw

  @Test func theLastSegmentIsAlwaysDrawnAndAllOnRequest() throws {
    let scene = try SubmissionScene.shared.get()
    #expect(Verifier.draw(seed: scene.seed, count: nil, of: 5) == [0, 1, 2, 3, 4])
    #expect(Verifier.draw(seed: scene.seed, count: 5, of: 5) == [0, 1, 2, 3, 4])
    for number in 0..<50 {
      let drawn = Verifier.draw(seed: SHA256.hash([UInt8(number)]), count: 2, of: 9)
      #expect(drawn.last == 8 && (2...3).contains(drawn.count) && drawn == Set(drawn).sorted())
    }
  }

  @Test func secretsDifferByNumberAndVerifier() throws {
    let scene = try SubmissionScene.shared.get()
    let verifiers = (0..<2).map {
      Verifier(key: TestNetwork.key("verifier", $0), store: scene.store, domain: .embedded)
    }
    let secrets = verifiers.flatMap { verifier in (0..<3).map { verifier.secret($0) } }
    #expect(Set(secrets).count == 6)
    #expect(
      verifiers[0].commitment(2) == Keccak256.hash(verifiers[0].address.bytes + secrets[2].bytes))
  }

  /// What is revealed in one network must not be known in the next before it is used there.
  @Test func secretsDifferByNetwork() throws {
    let scene = try SubmissionScene.shared.get()
    let key = TestNetwork.key("verifier", 0)
    func verifier(_ chain: UInt64) -> Verifier {
      Verifier(
        key: key, store: scene.store,
        domain: EIP712Domain(chainId: UInt256(chain), verifyingContract: TestNetwork.key("core", 0).address))
    }
    #expect(Set((0..<3).map { verifier($0).secret(0) }).count == 3)
    // What an earlier version has posted is revealed all the same, and nothing else is.
    let message: [UInt8] = Array("verifier secret".utf8) + [0, 0, 0, 7]
    let earlier: Bytes32 = key.withSecretBytes { HMACSHA256.authenticate(message, key: $0) }
    let posted = SegmentDraw.commitment(address: key.address, secret: earlier)
    #expect(verifier(1).secret(7, posted: posted) == earlier)
    #expect(verifier(1).secret(8, posted: posted) == verifier(1).secret(8))
    #expect(verifier(1).secret(7, posted: verifier(1).commitment(7)) == verifier(1).secret(7))
    #expect(verifier(1).secret(7) != earlier)
  }
}
