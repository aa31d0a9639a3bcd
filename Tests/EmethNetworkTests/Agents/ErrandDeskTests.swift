import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// How errands are taken and answered, by a network that keeps a list of them.
@Suite struct ErrandDeskTests {
  /// A network that has errands and nothing else.
  private final class ErrandNetwork: NetworkConnection {
    let account = ServiceScene.verifier(0).address
    let open: Mutex<[Errand]>
    let answered = Mutex<[String]>([])
    /// The errand whose answer is taken only when another has been answered.
    let held: String?

    init(_ questions: [Errand.Question], held: String? = nil) {
      let account = account
      open = Mutex(
        questions.enumerated().map { number, question in
          Errand(
            id: "\(number)", account: account, kind: question.kind, question: question, postedAt: 0,
            due: secondsNow() + 600)
        })
      self.held = held
    }

    func errands(
      of kinds: Set<Errand.Kind>, except known: Set<String>, waitingUpTo seconds: Double
    ) async throws(NetworkError) -> [Errand] {
      let found = open.withLock { $0.filter { kinds.contains($0.kind) && !known.contains($0.id) } }
      if found.isEmpty { await pause(0.02) }
      return found
    }

    func answer(_ errand: String, _ body: Data) async throws(NetworkError) {
      while errand == held, answered.withLock({ $0.isEmpty }), !Task.isCancelled { await pause(0.02) }
      open.withLock { $0.removeAll { $0.id == errand } }
      answered.withLock { $0.append(errand) }
    }

    private var gone: NetworkError { .unreachable(server: "nowhere", reason: "there is nothing but errands") }
    func facts() async throws(NetworkError) -> NetworkFacts { throw gone }
    func balances() async throws(NetworkError) -> Balances { throw gone }
    func openSubJobs(
      _ filter: SubJobFilter, waitingUpTo seconds: Double
    ) async throws(NetworkError) -> [SubJobOffer] { throw gone }
    func process(_ subJob: JobID, binding: SignedKeyBinding) async throws(NetworkError) -> Assignment {
      throw gone
    }
    func renew(_ subJob: JobID) async throws(NetworkError) { throw gone }
    func decline(_ subJob: JobID, reason: String) async throws(NetworkError) { throw gone }
    func submit(_ result: NodeResult) async throws(NetworkError) { throw gone }
    func state(of subJob: JobID) async throws(NetworkError) -> SubJobState { throw gone }
    func postBond(
      upTo amount: TokenAmount, binding: SignedKeyBinding, modules: [Bytes32]
    ) async throws(NetworkError) { throw gone }
    func postCommitments(_ commitments: [Bytes32], from first: UInt32) async throws(NetworkError) {
      throw gone
    }
    func verifier() async throws(NetworkError) -> VerifierAccount { throw gone }
    func fetch(object hash: Bytes32, into store: ContentStore) async throws(NetworkError) { throw gone }
    func give(object hash: Bytes32, from store: ContentStore) async throws(NetworkError) { throw gone }
    func give(vector root: Bytes32, from store: ContentStore) async throws(NetworkError) { throw gone }
  }

  private static let share = Errand.Question.share(subJob: ModuleScene.job, round: 0, beacon: .zero)
  private static let reveal = Errand.Question.reveal(
    subJob: ModuleScene.job, commitment: 0, posted: nil)

  /// Waits until so many errands are answered.
  private func wait(_ network: ErrandNetwork, for count: Int) async throws {
    for _ in 0..<500 where network.answered.withLock({ $0.count }) < count {
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  @Test func whatWasCutShortIsNotTriedAgainAndOthersAre() async throws {
    let network = ErrandNetwork([Self.share, Self.share, Self.share])
    let tried = Mutex<[String: Int]>([:])
    let desk = ErrandDesk(connection: network, kinds: [.share], patience: 1) { _, _ in }
    let task = Task {
      await desk.work { errand async throws(NetworkError) in
        let count = tried.withLock { tried in
          tried[errand.id, default: 0] += 1
          return tried[errand.id] ?? 0
        }
        if errand.id == "0" { throw .moduleCutShort(program: "10000", reason: "it ran longer than 1 s") }
        // What fails otherwise may do so once only.
        if errand.id == "1", count == 1 { throw .unreachable(server: "somewhere", reason: "a cable") }
        return Data()
      }
    }
    try await wait(network, for: 2)
    task.cancel()
    await task.value
    #expect(network.answered.withLock { Set($0) } == ["1", "2"])
    #expect(tried.withLock { $0 } == ["0": 1, "1": 2, "2": 1])
  }

  @Test func aVerifierRevealsBesideWhatTakesLong() async throws {
    let folder = try TemporaryFolder()
    let network = ErrandNetwork([Self.share, Self.reveal], held: "0")
    let agent = try VerifierAgent(
      key: ServiceScene.verifier(0), folder: folder.url, connection: network)
    let task = Task { try? await agent.run() }
    try await wait(network, for: 2)
    task.cancel()
    _ = await task.value
    #expect(network.answered.withLock { $0 } == ["1", "0"])
  }
}
