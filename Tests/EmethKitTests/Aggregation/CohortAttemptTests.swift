import EmethKit
import Testing

/// A member through its attempts: answered once, by fresh keys, and opened afterwards.
@Suite struct CohortAttemptTests {
  private var scene: AggregationScene
  private let secrets: [RoundSecret]
  private var first: JobID { scene.nodes[0].seat.jobID }

  init() {
    scene = AggregationScene(nodes: 4, coordinates: 20)
    secrets = scene.secrets()
  }

  @Test func everyAttemptIsAnsweredOnce() throws {
    var scene = scene
    var member = try scene.announcedMember(secrets)
    let fresh = RoundSecret(using: &scene.random)
    // The same attempt again, with another key.
    #expect(throws: AggregationError.attemptSeen(found: 0, last: 0)) {
      try member.apply(.form(scene.plan(), fresh))
    }
    let roster = try scene.roster(secrets)
    guard case .mask(let mask, let hash)? = try member.apply(.offer(roster)).first else {
      Issue.record("the roster is not taken")
      return
    }
    #expect(hash == roster.hash)
    #expect(try member.apply(.offer(roster)).isEmpty, "the same roster is masked for once")
    // Another roster of this attempt: a peer's second key would give a second vector.
    var keys = secrets
    keys[3] = RoundSecret(using: &scene.random)
    let second = try scene.roster(keys)
    #expect(throws: AggregationError.attemptSeen(found: 0, last: 0)) { try member.apply(.offer(second)) }
    let vector = try masked(scene.nodes[0].update, by: mask)
    #expect(throws: AggregationError.vectorMismatch(found: 4, expected: 80)) {
      try member.apply(.stored(MaskedVector(root: .zero, byteCount: 4), rosterHash: hash))
    }
    let posted = try member.apply(.stored(vector.stored, rosterHash: hash))
    guard case .post(let word)? = posted.first else {
      Issue.record("nothing is posted")
      return
    }
    try roster.check(word, in: .embedded)
    #expect(throws: AggregationError.attemptSeen(found: 0, last: 0)) { try member.apply(.offer(second)) }
    // What was said may be said again, byte for byte, and nothing else.
    for event in [CohortMember.Event.offer(roster), .stored(vector.stored, rosterHash: hash)] {
      guard case .post(let again)? = try member.apply(event).first else {
        Issue.record("the word is not repeated")
        return
      }
      #expect(again == word)
    }
    #expect(
      throws: AggregationError.maskedConflict(first, found: .zero, first: vector.stored.root)
    ) { try member.apply(.stored(MaskedVector(root: .zero, byteCount: 80), rosterHash: hash)) }

    // After a restart its memory still knows the attempt, and the next one is open.
    let memory = try fromJSON(CohortMemory.self, jsonText(member.memory))
    #expect(memory == member.memory)
    var restarted = scene.member(0, memory: memory)
    #expect(throws: AggregationError.attemptSeen(found: 0, last: 0)) {
      try restarted.apply(.form(scene.plan(), fresh))
    }
    #expect(throws: AggregationError.roundKeyReused(first)) {
      try restarted.apply(.form(scene.plan(attempt: 1), secrets[0]))
    }
    _ = try restarted.apply(.form(scene.plan(attempt: 1), fresh))
    // A roster of the attempt before.
    #expect(throws: AggregationError.attemptSeen(found: 0, last: 1)) {
      try restarted.apply(.offer(roster))
    }
  }

  @Test func aPeersReusedKeyIsRefused() throws {
    var scene = scene
    var member = try scene.announcedMember(secrets)
    _ = try member.apply(.offer(scene.roster(secrets)))
    var next = scene.secrets()
    _ = try member.apply(.form(scene.plan(attempt: 1), next[0]))
    let fresh = next[2]
    next[2] = secrets[2]
    let reused = try scene.roster(next, attempt: 1)
    #expect(throws: AggregationError.roundKeyReused(scene.nodes[2].seat.jobID)) {
      try member.apply(.offer(reused))
    }
    next[2] = fresh
    let taken = try scene.roster(next, attempt: 1)
    guard case .mask? = try member.apply(.offer(taken)).first else {
      Issue.record("the roster of fresh keys is not taken")
      return
    }
    // The vector of the attempt before is stored only now.
    let late = try scene.roster(secrets).hash
    #expect(throws: AggregationError.rosterMismatch(found: late, expected: taken.hash)) {
      try member.apply(.stored(MaskedVector(root: .zero, byteCount: 80), rosterHash: late))
    }
  }

  @Test func theSecretIsOpenedOnlyAfterPosting() throws {
    var member = try scene.announcedMember(secrets)
    #expect(throws: AggregationError.self) { try member.opening() }
    let roster = try scene.roster(secrets)
    guard case .mask(let mask, _)? = try member.apply(.offer(roster)).first else {
      Issue.record("the roster is not taken")
      return
    }
    #expect(throws: AggregationError.self) { try member.opening() }
    let vector = try masked(scene.nodes[0].update, by: mask).stored
    _ = try member.apply(.stored(vector, rosterHash: roster.hash))
    let opening = try member.opening()
    #expect(RoundSecret(opening.roundSecret).publicKey == secrets[0].publicKey)
    var shown = "\(opening) \(secrets[0])"
    dump(opening, to: &shown)
    dump(secrets[0], to: &shown)
    #expect(!shown.contains(Hex.encode(opening.roundSecret.bytes, prefixed: false)))
    _ = try member.apply(.close)
    #expect(throws: AggregationError.unexpected(event: "open", phase: "closed")) { try member.opening() }
    let plan = try scene.plan(attempt: 1)
    #expect(throws: AggregationError.unexpected(event: "form", phase: "closed")) {
      try member.apply(.form(plan, secrets[1]))
    }
  }

  @Test func openingsOfOtherSecretsAreFound() throws {
    let roster = try scene.roster(secrets)
    let mask = try UpdateMask(secret: secrets[0], roster: roster, member: first)
    let update = scene.nodes[0].update
    let masked = Masked(
      jobID: first, round: 4, attempt: 0, rosterHash: roster.hash,
      maskedRoot: try masked(update, by: mask).stored.root)
    func check(
      secret: Bytes32 = .zero, round: UInt32 = 4, attempt: UInt32 = 0, roster other: Roster? = nil,
      of jobID: JobID? = nil
    ) throws {
      let opening = RoundOpening(
        jobID: jobID ?? first, round: round, attempt: attempt, roundSecret: secret)
      try update.withUnsafeBytes { update in
        try opening.check(update, of: masked, roster: other ?? roster)
      }
    }
    #expect(
      throws: AggregationError.roundKeyMismatch(
        first, found: RoundSecret(.zero).publicKey, expected: secrets[0].publicKey)
    ) { try check() }
    #expect(throws: AggregationError.foreignRound(found: 3, expected: 4)) { try check(round: 3) }
    #expect(throws: AggregationError.wrongAttempt(found: 3, expected: 0)) { try check(attempt: 3) }
    #expect(throws: AggregationError.notAMember(first)) { try check(of: scene.nodes[1].seat.jobID) }
    let later = try scene.roster(secrets, attempt: 1)
    #expect(throws: AggregationError.rosterMismatch(found: roster.hash, expected: later.hash)) {
      try check(roster: later)
    }
  }
}
