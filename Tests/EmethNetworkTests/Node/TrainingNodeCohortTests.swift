import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A node among others in a cohort: what it answers again after a restart, and what it refuses.
@Suite struct TrainingNodeCohortTests {
  private struct Company {
    let scene: SubmissionScene
    let plan: CohortPlan
    let others: [PrivateKey]

    init(_ scene: SubmissionScene, attempt: UInt32 = 0, initRoot: Bytes32? = nil, resultRoot: Bytes32? = nil)
      throws
    {
      self.scene = scene
      others = [TestNetwork.key("node", 1), TestNetwork.key("node", 2)]
      let submission = scene.result.submission.submission
      var seats = [
        CohortSeat(
          jobID: submission.jobID, node: submission.node, resultRoot: resultRoot ?? submission.resultRoot)
      ]
      for (number, key) in others.enumerated() {
        let position = SubJobPosition(
          parent: scene.assignment.position.parent, round: 1, part: UInt32(number) + 5, attempt: 0)
        seats.append(CohortSeat(jobID: position.id, node: key.address, resultRoot: .zero))
      }
      plan = try CohortPlan(
        cohort: Cohort(seats), round: 1, attempt: attempt, programHash: submission.programHash,
        initRoot: initRoot ?? submission.initRoot,
        coordinates: UInt64(ModelConfiguration(scene.manifest.model).parameterCount))
    }

    /// Sends the node a message, as a node that has just started.
    func ask(_ message: CohortMessage) throws -> CohortMessage? {
      let node = TrainingNode(
        key: scene.node.key, folder: scene.node.folder, store: scene.store, domain: .embedded, fault: nil)
      let means = TrainingNode.Means(
        work: VectorWork(threads: 1), device: try Device.cpu(threads: 1), stop: StopFlag())
      return try node.answer(message.wire(), for: scene.assignment.subJob, with: means)
        .map { try CohortMessage(wire: $0) }
    }

    /// The roster with the node's key and the others'.
    func roster(_ own: SignedRoundKey, secret: UInt8 = 1) throws -> Roster {
      var keys = [own.content.jobID: own]
      for (number, key) in others.enumerated() {
        guard let seat = plan.cohort.seats.first(where: { $0.node == key.address }) else { continue }
        let roundKey = RoundSecret(SHA256.hash([secret, UInt8(number)])).publicKey
        keys[seat.jobID] = SignedRoundKey(
          signing: RoundKey(of: plan, seat: seat, roundKey: roundKey), in: .embedded, with: key)
      }
      return try Roster(plan: plan, keys: keys)
    }

    func ownKey() throws -> SignedRoundKey {
      guard case .roundKey(let key) = try ask(.form(plan, deadline: 100)) else {
        throw NetworkError.inconsistent(what: "the node gave no key")
      }
      return key
    }
  }

  private func refused(_ code: String, _ body: () throws -> Void) {
    #expect {
      try body()
    } throws: { error in
      guard case NetworkError.refused(code, _, _) = error else { return false }
      return true
    }
  }

  @Test func aNodeThatStartsAgainAnswersAsBefore() throws {
    let scene = try SubmissionScene()
    let company = try Company(scene)
    let key = try company.ownKey()
    #expect(try company.ownKey() == key)
    let offer = CohortMessage.offer(try company.roster(key), deadline: 200)
    let answer = try company.ask(offer)
    guard case .masked(let masked) = answer else {
      Issue.record("the node posted nothing")
      return
    }
    try masked.check(signers: TrustedSigners(scene.node.address), in: .embedded)
    #expect(try company.ask(offer) == answer)
    #expect(try company.ownKey() == key, "also to the question before")
    // Another roster for the same attempt would have other masks over the same update.
    refused("aggregation.attemptSeen") {
      _ = try company.ask(.offer(company.roster(key, secret: 2), deadline: 200))
    }
    // The update is neither posted nor left where others read.
    let vector = try scene.store.vector(masked.content.maskedRoot, work: VectorWork(threads: 1))
    let update = try NodeVault(node: scene.node.folder, subJob: scene.assignment.subJob).update()
    #expect(vector.count == update.count && vector != update)
    let hash = update.withUnsafeBytes { SHA256.hash($0) }
    #expect(try !scene.store.contains(hash))
  }

  @Test func aLaterAttemptHasAnotherKeyAndAnEarlierOneIsRefused() throws {
    let scene = try SubmissionScene()
    let first = try Company(scene).ownKey()
    let second = try Company(scene, attempt: 1).ownKey()
    #expect(first.content.roundKey != second.content.roundKey)
    refused("aggregation.attemptSeen") { _ = try Company(scene).ownKey() }
  }

  @Test func whatWouldShowTheUpdateIsRefused() throws {
    let scene = try SubmissionScene()
    refused("aggregation.foreignInitRoot") {
      _ = try Company(scene, initRoot: SHA256.hash([1])).ownKey()
    }
    refused("aggregation.resultRootAltered") {
      _ = try Company(scene, resultRoot: SHA256.hash([2])).ownKey()
    }
    let company = try Company(scene)
    let seats = company.plan.cohort.seats.filter { $0.node != company.others[0].address }
    let plan = try CohortPlan(
      cohort: Cohort(seats), round: 1, attempt: 0, programHash: company.plan.programHash,
      initRoot: company.plan.initRoot, coordinates: company.plan.coordinates)
    refused("aggregation.tooFewAccounts") { _ = try company.ask(.form(plan, deadline: 100)) }
    // Nothing of all that counts as an answer.
    #expect(throws: Never.self) { try company.ownKey() }
  }

  @Test func aKeyOfAnEarlierAttemptIsRefused() throws {
    let scene = try SubmissionScene()
    let first = try Company(scene)
    _ = try first.ask(.offer(first.roster(first.ownKey()), deadline: 200))
    let second = try Company(scene, attempt: 1)
    refused("aggregation.roundKeyReused") {
      _ = try second.ask(.offer(second.roster(second.ownKey()), deadline: 300))
    }
    #expect(throws: Never.self) {
      try second.ask(.offer(second.roster(second.ownKey(), secret: 3), deadline: 300))
    }
  }

  @Test func anUpdateThatTheDiskLostIsComputedAgain() throws {
    let scene = try SubmissionScene()
    let company = try Company(scene)
    let offer = CohortMessage.offer(try company.roster(company.ownKey()), deadline: 200)
    let answer = try company.ask(offer)
    let file = scene.node.folder.appending(path: "\(scene.assignment.subJob)/update")
    var bytes = try Data(contentsOf: file)
    bytes[100] ^= 1
    try bytes.write(to: file)
    #expect(try company.ask(offer) == answer)
    try FileManager.default.removeItem(at: file)
    #expect(try company.ask(offer) == answer)
  }

  @Test func onlyItsOwnVerifierIsToldTheSecret() throws {
    let scene = try SubmissionScene()
    let company = try Company(scene)
    let roster = try company.roster(company.ownKey())
    guard case .masked(let masked) = try company.ask(.offer(roster, deadline: 200)) else { return }
    let key = TestNetwork.key("verifier", 0)
    let verifier = Verifier(key: key, store: scene.store, domain: .embedded)
    let binding = verifier.binding(expiry: 500)
    let subJob = scene.assignment.subJob
    func admit(_ verifier: Address) throws {
      try scene.node.admit(
        Challenge(
          subJob: subJob, verifier: verifier, seed: .zero,
          segments: Array(0..<Int(scene.manifest.segmentCount))))
    }
    // Whom it has opened nothing to it tells nothing.
    let refusal = #expect(throws: NetworkError.self) {
      try scene.node.openSecret(of: subJob, to: binding, verifier: key.address, now: 400)
    }
    #expect(refusal?.code == "node.notDrawn")
    try admit(key.address)
    let sealed = try scene.node.openSecret(of: subJob, to: binding, verifier: key.address, now: 400)
    let update = try NodeVault(node: scene.node.folder, subJob: subJob).update()
    func word(_ verifier: Verifier, _ sealed: Data?, _ update: Data) throws -> MaskedFault {
      let answer = try verifier.examine(sealed, update: update, masked: masked, roster: roster)
      guard case .maskedFault(let word) = try CohortMessage(wire: answer) else {
        throw NetworkError.malformed(what: "a verifier's word", reason: "it is something else")
      }
      try word.check(signers: TrustedSigners(verifier.address), in: .embedded)
      #expect(word.content.isAbout(masked.content))
      return word.content
    }
    #expect(try word(verifier, sealed, update).fits)
    // Another update, another reader, no answer: each is a fault that the verifier signs for.
    let other = Verifier(key: TestNetwork.key("verifier", 1), store: scene.store, domain: .embedded)
    let wrong = try word(verifier, sealed, Update.negated(update))
    #expect(!wrong.fits && wrong.expectedRoot != .zero)
    #expect(try word(other, sealed, update).expectedRoot == .zero)
    #expect(try word(verifier, nil, update).expectedRoot == .zero)
    try admit(other.address)
    #expect(throws: NetworkError.self) {
      try scene.node.openSecret(of: subJob, to: binding, verifier: other.address, now: 400)
    }
    #expect(throws: NetworkError.self) {
      try scene.node.openSecret(of: subJob, to: binding, verifier: key.address, now: 500)
    }
  }

  /// What one verifier hands to another needs nobody's word: it is what the node has signed for, or it is nothing.
  @Test func whatIsHandedOnProvesItself() throws {
    let scene = try SubmissionScene()
    let company = try Company(scene)
    let roster = try company.roster(company.ownKey())
    guard case .masked(let honest) = try company.ask(.offer(roster, deadline: 200)) else {
      Issue.record("the node posted nothing")
      return
    }
    func posted(_ root: Bytes32, by key: PrivateKey) -> SignedMasked {
      let word = honest.content
      return SignedMasked(
        signing: Masked(
          jobID: word.jobID, round: word.round, attempt: word.attempt, rosterHash: word.rosterHash,
          maskedRoot: root), in: .embedded, with: key)
    }
    let poisoned = posted(SHA256.hash([9]), by: scene.node.key)
    let (folder, subJob) = (try TemporaryFolder(), scene.assignment.subJob)
    let verifiers = (0..<3).map { number in
      Verifier(
        key: TestNetwork.key("verifier", UInt32(number)), store: scene.store, domain: .embedded,
        folder: folder.url.appending(path: "\(number)"))
    }
    let challenge = Challenge(subJob: subJob, verifier: verifiers[0].address, seed: .zero, segments: [0])
    let opened = try scene.node.answer(challenge, on: Device.cpu(threads: 1)).opening
    let update = try NodeVault(node: scene.node.folder, subJob: subJob).update()
    try verifiers[0].keep(update, salts: opened.resultSalts.map(\.wrappedValue), of: subJob)
    try scene.node.admit(
      Challenge(
        subJob: subJob, verifier: verifiers[0].address, seed: .zero,
        segments: Array(0..<Int(scene.manifest.segmentCount))))
    let sealed = try scene.node.openSecret(
      of: subJob, to: verifiers[0].binding(expiry: 500), verifier: verifiers[0].address, now: 400)
    func handOver(at now: UInt64 = 400) throws -> Data? {
      try verifiers[0].handOver(sealed, of: subJob, to: verifiers[1].binding(expiry: 500), now: now)
    }
    let handed = try #require(try handOver())
    #expect(try handOver(at: 401) == handed, "the same bytes after a restart")
    #expect(throws: NetworkError.self) { try handOver(at: 500) }
    func root(_ handed: Data, _ masked: SignedMasked, _ roster: Roster, to reader: Int = 1) throws -> Bytes32?
    {
      guard let answer = try verifiers[reader].weigh(handed, masked: masked, roster: roster) else {
        return nil
      }
      guard case .maskedFault(let word) = try CohortMessage(wire: answer) else { return .zero }
      try word.check(signers: TrustedSigners(verifiers[reader].address), in: .embedded)
      #expect(word.content.isAbout(masked.content))
      return word.content.expectedRoot
    }
    #expect(try root(handed, poisoned, roster) == honest.content.maskedRoot, "what it should have posted")
    #expect(try root(handed, poisoned, roster, to: 2) == nil, "it is for the other one's eyes")
    // Nothing else shows anything, and an honest node is accused of nothing by what is its own.
    #expect(try root(handed, honest, roster) == nil)
    #expect(try root(handed, posted(SHA256.hash([9]), by: TestNetwork.key("thief", 0)), roster) == nil)
    #expect(try root(handed, poisoned, company.roster(company.ownKey(), secret: 2)) == nil)
    let genuine = try #require(
      HandedUpdate(
        encoded: try OpeningStream.open(handed, with: [TestNetwork.key("verifier", 1).sealingIdentity()])))
    let otherSecret = RoundOpening(
      jobID: subJob, round: genuine.opening.round, attempt: genuine.opening.attempt,
      roundSecret: SHA256.hash([3]))
    let lies = [
      HandedUpdate(opening: genuine.opening, salts: genuine.salts, update: Update.negated(update)),
      HandedUpdate(opening: genuine.opening, salts: [Data(repeating: 1, count: 16)], update: update),
      HandedUpdate(opening: genuine.opening, salts: [], update: update),
      HandedUpdate(opening: genuine.opening, salts: genuine.salts, update: Data()),
      HandedUpdate(opening: otherSecret, salts: genuine.salts, update: update),
    ]
    for lie in lies + [genuine] {
      var random = ChaCha20Generator(key: SHA256.hash([4]))
      let file = Data(
        try SealingStream.seal(
          lie.encoded(), to: [verifiers[1].binding(expiry: 500).content.recipient], using: &random))
      #expect(
        try (root(file, poisoned, roster) == nil)
          == (lie.opening != genuine.opening || lie.salts != genuine.salts || lie.update != update))
      #expect(try root(file, honest, roster) == nil)
    }
    let bytes = try genuine.encoded()
    for length in [0, 3, 4, 40] { #expect(HandedUpdate(encoded: Array(bytes.prefix(length))) == nil) }
    #expect(HandedUpdate(encoded: [255, 255, 255, 255] + bytes) == nil)
  }
}
