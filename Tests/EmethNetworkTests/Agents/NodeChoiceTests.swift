import EmethCompute
import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// What a node takes of what is offered: nothing that it can't end in time.
@Suite(.timeLimit(.minutes(1))) struct NodeChoiceTests {
  private let key = TestKeys.requester

  /// A network that offers something, and remembers what a node wants of it.
  private final class Offering: NetworkConnection {
    let account: Address
    let offers: [SubJobOffer]
    let time: UInt64
    let taken = Mutex<[JobID]>([])
    let asked = Mutex(0)
    let declined = Mutex<[JobID]>([])
    /// What it gives of every SubJob that is taken, if it is to be had.
    let assignment: (@Sendable (JobID) -> Assignment)?
    let seen = Mutex<[Bytes32?]>([])

    init(
      _ account: Address, _ offers: [SubJobOffer], time: UInt64,
      giving assignment: (@Sendable (JobID) -> Assignment)? = nil
    ) {
      (self.account, self.offers, self.time, self.assignment) = (account, offers, time, assignment)
    }

    func facts() async throws(NetworkError) -> NetworkFacts {
      NetworkFacts(
        domain: .embedded, time: time, signer: account, aggregator: account, epochMilliseconds: 1_000,
        periods: .standard, epoch: 1)
    }
    func balances() async throws(NetworkError) -> Balances {
      asked.withLock { $0 += 1 }
      return Balances(unspent: TokenAmount(holon: 1_000))
    }
    func openSubJobs(
      _ filter: SubJobFilter, waitingUpTo seconds: Double
    ) async throws(NetworkError) -> [SubJobOffer] {
      seen.withLock { $0.append(filter.seen) }
      // A server lets it wait.
      if offers.isEmpty { try? await Task.sleep(for: .milliseconds(100)) }
      let gone = taken.withLock { Set($0) }
      return offers.filter { !gone.contains($0.id) }
    }
    /// Another one was faster: the node looks on.
    func process(_ subJob: JobID, binding: SignedKeyBinding) async throws(NetworkError) -> Assignment {
      taken.withLock { $0.append(subJob) }
      if let assignment { return assignment(subJob) }
      throw .refused(code: "subJob.contended", message: "another one was faster", hint: nil)
    }
    func state(of subJob: JobID) async throws(NetworkError) -> SubJobState {
      throw .unknownJob(id: "\(subJob)")
    }
    func renew(_ subJob: JobID) async throws(NetworkError) {}
    func decline(_ subJob: JobID, reason: String) async throws(NetworkError) {
      declined.withLock { $0.append(subJob) }
    }
    func submit(_ result: NodeResult) async throws(NetworkError) {}
    func errands(
      of kinds: Set<Errand.Kind>, except known: Set<String>, waitingUpTo seconds: Double
    ) async throws(NetworkError) -> [Errand] {
      try? await Task.sleep(for: .seconds(1))
      return []
    }
    func answer(_ errand: String, _ body: Data) async throws(NetworkError) {}
    func postBond(
      upTo amount: TokenAmount, binding: SignedKeyBinding, modules: [Bytes32]
    ) async throws(NetworkError) {}
    func postCommitments(_ commitments: [Bytes32], from first: UInt32) async throws(NetworkError) {}
    func verifier() async throws(NetworkError) -> VerifierAccount { throw .interrupted }
    func fetch(object hash: Bytes32, into store: ContentStore) async throws(NetworkError) {}
    func give(object hash: Bytes32, from store: ContentStore) async throws(NetworkError) {}
    func give(vector root: Bytes32, from store: ContentStore) async throws(NetworkError) {}
  }

  private func offer(
    _ number: UInt32, fuel: UInt64, deadline: UInt64, program: ProgramID = .languageModelTrainingPart,
    deposit: UInt64 = 1, modelBytes: UInt64 = 1, training: TrainingTerms? = nil, zeroBits: UInt32? = nil,
    ofJob job: UInt32? = nil
  ) -> SubJobOffer {
    let parent = JobID(requester: key.address, salt: TestNetwork.seed(UInt64(job ?? number)))
    return SubJobOffer(
      id: JobID(parent: parent, round: 0, part: number, attempt: 0),
      position: SubJobPosition(parent: parent, round: 0, part: number, attempt: 0), programId: program,
      fuel: Fuel(units: fuel), fuelPrice: FuelPrice(holonPerFuel: 1), fee: TokenAmount(holon: 1),
      deposit: TokenAmount(holon: UInt256(deposit)), deadline: deadline, dataBytes: 1,
      parameterBytes: modelBytes,
      terms: try? ComputedProgram(program, modules: []).terms, training: training, proofZeroBits: zeroBits)
  }

  /// What a node of these speeds wants of these offers, once it has looked at all of them.
  private func taken(
    of offers: [SubJobOffer], at time: UInt64, speeds: [String: Double]
  ) async throws -> Set<JobID> {
    let network = Offering(key.address, offers, time: time)
    try await look(at: network, speeds: speeds)
    return Set(network.taken.withLock { $0 })
  }

  /// Lets a node of these speeds look at all that a network offers.
  private func look(at network: Offering, speeds: [String: Double]) async throws {
    let folder = try TemporaryFolder()
    let known = try JSONSerialization.data(withJSONObject: ["fuelPerSecond": speeds])
    try known.write(to: folder.url.appending(path: "speed.json"))
    var settings = NodeAgent.Settings()
    settings.threads = 1
    settings.patience = 0.1
    let agent = try NodeAgent(key: key, folder: folder.url, connection: network, settings: settings)
    let work = Task { try? await agent.run() }
    // It has looked twice after the last one that it took.
    var seen = (count: -1, at: 0)
    while true {
      try await Task.sleep(for: .milliseconds(50))
      let (count, asked) = (network.taken.withLock { $0.count }, network.asked.withLock { $0 })
      if count != seen.count { seen = (count, asked) }
      if asked >= seen.at + 2 || count == network.offers.count { break }
    }
    work.cancel()
    _ = await work.value
  }

  private func terms(
    layers: UInt32 = 1, width: UInt32 = 16, segments: UInt32 = 2, opened: UInt32 = 2
  ) throws -> TrainingTerms {
    let members: [String: UInt32] = [
      "layers": layers, "heads": 1, "width": width, "context": 8, "vocabularySize": 256, "batch": 1,
      "segments": segments, "openedStates": opened,
    ]
    return try JSONDecoder().decode(TrainingTerms.self, from: JSONEncoder().encode(members))
  }

  /// Ten fuel a second and a quarter to spare: a thousand fuel need 125 seconds.
  @Test func aSlowNodeTakesWhatItCanEndInTime() async throws {
    let now: UInt64 = 1_700_000_000
    let offers = [
      offer(1, fuel: 1_000, deadline: now + 124), offer(2, fuel: 1_000, deadline: now + 126),
      offer(3, fuel: 1_000_000, deadline: now + 86_400), offer(4, fuel: 1, deadline: now - 1),
      offer(5, fuel: 1, deadline: now + 60, deposit: 1_001),
    ]
    let slow = try await taken(of: offers, at: now, speeds: ["11": 10, "9991": 1])
    #expect(slow == [offers[1].id])
    let fast = try await taken(of: offers, at: now, speeds: ["11": 1_000, "9991": 1])
    #expect(fast == [offers[0].id, offers[1].id, offers[2].id])
  }

  /// Deadlines are the network's, whatever this machine's clock shows: years are between the two here.
  @Test func theNetworksTimeCounts() async throws {
    let ahead = UInt64(Date().timeIntervalSince1970) + 100_000_000
    let offers = [offer(1, fuel: 10, deadline: ahead - 1), offer(2, fuel: 10, deadline: ahead + 60)]
    #expect(try await taken(of: offers, at: ahead, speeds: ["11": 10, "9991": 1]) == [offers[1].id])
  }

  /// What is nothing for it is not asked for again, and a server that answers at once all the same is asked ever less often.
  @Test func whatSuitsItNotIsNotAskedForAgain() async throws {
    let offers = [offer(1, fuel: 1_000_000, deadline: 1_700_000_001)]
    let folder = try TemporaryFolder()
    let known = try JSONSerialization.data(withJSONObject: ["fuelPerSecond": ["11": 10, "9991": 1, "21": 1]])
    try known.write(to: folder.url.appending(path: "speed.json"))
    let network = Offering(key.address, offers, time: 1_700_000_000)
    var settings = NodeAgent.Settings()
    settings.threads = 1
    let agent = try NodeAgent(key: key, folder: folder.url, connection: network, settings: settings)
    let work = Task { try? await agent.run() }
    var times: [ContinuousClock.Instant] = []
    while times.count < 4 {
      try await Task.sleep(for: .milliseconds(10))
      if network.seen.withLock({ $0.count }) > times.count { times.append(.now) }
    }
    work.cancel()
    _ = await work.value
    let mark = SubJobOffer.mark(of: offers)
    #expect(network.seen.withLock { Array($0.prefix(4)) } == [nil, mark, mark, mark])
    #expect(times[3] - times[2] >= .milliseconds(1_450), "twice as long as a second, less a quarter")
  }

  /// Of several GPUs the workers take one after the other.
  @Test func eachWorkerHasADevice() throws {
    var settings = NodeAgent.Settings()
    #expect((0..<3).map { settings.device(ofWorker: $0) } == [.cpu, .cpu, .cpu])
    settings.device = try #require(DeviceChoice("cuda:2,0"))
    #expect(settings.device.each == [.cuda(2), .cuda(0)])
    #expect((0..<3).map { settings.device(ofWorker: $0) } == [.cuda(2), .cuda(0), .cuda(2)])
  }

  /// Each program has a speed of its own.
  @Test func aProgramsSpeedIsItsOwn() async throws {
    let now: UInt64 = 1_700_000_000
    let offers = [
      offer(1, fuel: 100, deadline: now + 60, program: .meanOfNumbersPart),
      offer(2, fuel: 100, deadline: now + 60),
    ]
    #expect(try await taken(of: offers, at: now, speeds: ["11": 1, "9991": 10]) == [offers[0].id])
    #expect(try await taken(of: offers, at: now, speeds: ["11": 10, "9991": 1]) == [offers[1].id])
  }

  /// A model that the memory has no room for costs no deposit.
  @Test func aModelThatHasNoRoomIsLeft() async throws {
    let now: UInt64 = 1_700_000_000
    let offers = [
      offer(1, fuel: 10, deadline: now + 60, program: .textGenerationPart, modelBytes: 1 << 60),
      offer(2, fuel: 10, deadline: now + 60, program: .textGenerationPart),
    ]
    let speeds = ["11": 10.0, "21": 10, "9991": 10]
    #expect(try await taken(of: offers, at: now, speeds: speeds) == [offers[1].id])
  }

  /// A training that the memory has no room for costs no deposit.
  @Test func aTrainingThatHasNoRoomIsLeft() async throws {
    let now: UInt64 = 1_700_000_000
    let offers = [
      // Fifty thousand billion parameters; nothing of it has to be sent.
      offer(
        1, fuel: 10, deadline: now + 60,
        training: try terms(layers: 1_024, width: 65_536, segments: 0, opened: 0)),
      offer(2, fuel: 10, deadline: now + 60, training: try terms()),
      // A server that says nothing of it.
      offer(3, fuel: 10, deadline: now + 60),
    ]
    #expect(
      try await taken(of: offers, at: now, speeds: ["11": 10, "21": 10, "9991": 10])
        == [offers[1].id, offers[2].id])
  }

  /// What can't be opened within its time, or takes longer to be hashed than to be computed, is not taken.
  @Test func whatCanNotBeOpenedInTimeIsLeft() async throws {
    let now: UInt64 = 1_700_000_000
    let offers = [
      // Some ten million parameters, five thousand states of them.
      offer(
        1, fuel: 10, deadline: now + 86_400,
        training: try terms(layers: 12, width: 256, segments: 5_000, opened: 5_000)),
      offer(
        2, fuel: 10, deadline: now + 86_400,
        training: try terms(layers: 12, width: 256, segments: 10, opened: 3)),
      offer(
        3, fuel: 10, deadline: now + 86_400,
        training: try terms(layers: 12, width: 256, segments: .max, opened: 3)),
      // What has to be fetched counts too: a hundred gigabytes in a minute.
      offer(4, fuel: 10, deadline: now + 60, modelBytes: 100_000_000_000, training: try terms()),
      // Five thousand seconds: longer than there is to open, but all states are kept.
      offer(
        5, fuel: 50_000, deadline: now + 86_400,
        training: try terms(layers: 12, width: 256, segments: 10, opened: 3)),
    ]
    #expect(
      try await taken(of: offers, at: now, speeds: ["11": 10, "21": 10, "9991": 10])
        == [offers[1].id, offers[4].id])
    let training = try terms(segments: 10, opened: 3)
    let shares = [0, 3, 9].map { training.recomputedShare(room: UInt64(training.stateBytes) * $0) }
    #expect(shares == [1, 0.6, 0])
  }

  /// How long a proof of work takes on average follows from its target, and luck needs time.
  @Test func aProofThatTakesTooLongIsLeft() async throws {
    let now: UInt64 = 1_700_000_000
    let offers = [
      offer(1, fuel: 1, deadline: now + 600, program: .proofOfWork, zeroBits: 4),
      offer(2, fuel: 1, deadline: now + 600, program: .proofOfWork, zeroBits: 32),
      // The hardest that there is, for all that the server says.
      offer(3, fuel: 1, deadline: now + 600, program: .proofOfWork),
    ]
    #expect(try await taken(of: offers, at: now, speeds: ["11": 10, "21": 10, "9991": 10]) == [offers[0].id])
    #expect(ProofOfWork.hashes(zeroBits: 4) == 160)
    for bits in 0...32 {
      // The target's first byte that is not zero ends the zero bits.
      var target = [UInt8](repeating: 0xFF, count: 32)
      for bit in 0..<bits { target[bit / 8] &= ~(0x80 >> UInt8(bit % 8)) }
      let record = String(repeating: "00", count: 65) + Hex.encode(target, prefixed: false)
      #expect(try ProofOfWork(record: record).zeroBits == UInt32(bits))
    }
  }

  /// A job of which it had to give up a part has cost a penalty: it takes no other part of it, of a training either.
  @Test func nothingMoreIsTakenOfATrainingThatWasGivenUp() async throws {
    let now: UInt64 = 1_700_000_000
    let offers = (1...3).map { offer($0, fuel: 10, deadline: now + 60, ofJob: $0 == 3 ? 3 : 1) }
    let network = Offering(key.address, offers, time: now) { subJob in
      let place = offers.first { $0.id == subJob }?.position ?? offers[0].position
      return Assignment(
        subJob: subJob, position: place, manifest: "{}", data: .zero, header: Data(), dataRoot: .zero,
        firstRecord: 0, partSecret: .zero, startingParameters: .zero, initRoot: .zero, exponents: [],
        fuel: Fuel(units: 10))
    }
    try await look(at: network, speeds: ["11": 10, "21": 10, "9991": 10])
    let declined = network.declined.withLock { $0 }
    #expect(declined.count == 2 && Set(declined).contains(offers[2].id), "\(declined.count)")
    #expect(network.taken.withLock { Set($0) } == Set(declined))
  }

  /// Whoever pauses takes nothing, and goes on when it is told.
  @Test func aPausedNodeTakesNothing() async throws {
    let folder = try TemporaryFolder()
    let network = Offering(key.address, [offer(1, fuel: 1, deadline: 1 << 40)], time: 1)
    var settings = NodeAgent.Settings()
    settings.threads = 1
    settings.patience = 0.1
    let agent = try NodeAgent(key: key, folder: folder.url, connection: network, settings: settings)
    agent.isPaused = true
    let work = Task { try? await agent.run() }
    // It has measured its speeds then, and would have looked for work.
    while NodeSpeed(file: folder.url.appending(path: "speed.json")).known().fuelPerSecond.count < 3 {
      try await Task.sleep(for: .milliseconds(50))
    }
    try await Task.sleep(for: .seconds(1))
    #expect(network.taken.withLock { $0.isEmpty } && network.asked.withLock { $0 } == 0)
    agent.isPaused = false
    while network.taken.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(50)) }
    work.cancel()
    _ = await work.value
  }

  /// What it does not know it measures, before it takes anything.
  @Test func whatIsNotKnownIsMeasured() async throws {
    let folder = try TemporaryFolder()
    let network = Offering(key.address, [], time: 1)
    var settings = NodeAgent.Settings()
    settings.threads = 1
    settings.patience = 0.1
    let measured = Mutex<[ProgramID: Double]>([:])
    let agent = try NodeAgent(key: key, folder: folder.url, connection: network, settings: settings) {
      event in
      if case .speed(let program, let speed) = event { measured.withLock { $0[program] = speed } }
    }
    let work = Task { try? await agent.run() }
    while measured.withLock({ $0.count }) < 3 { try await Task.sleep(for: .milliseconds(50)) }
    work.cancel()
    _ = await work.value
    #expect(measured.withLock { $0.values.allSatisfy { $0 > 0 } })
    #expect(
      measured.withLock { Set($0.keys) } == [
        .languageModelTrainingPart, .textGenerationPart, .meanOfNumbersPart,
      ])
  }

  /// A request that a wrong clock spoils is no answer: what it asked for is asked for again.
  @Test(arguments: [
    ("request.expired", false), ("request.replayed", false), ("upload.busy", false),
    ("http.bodyIncomplete", false),
    ("job.wrongState", true), ("subJob.contended", true), ("account.notAllowed", true),
  ]) func whatIsFinal(_ code: String, isFinal: Bool) {
    #expect(NetworkError.refused(code: code, message: "", hint: nil).isFinalAnswer == isFinal)
  }
}
