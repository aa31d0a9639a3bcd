import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// The 2023 cache out of a chain's events.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(5)))
struct ChainJobsTests {
  @Test func jobsAreThoseOfTheChainBeforeAndAfterAReorganisation() async throws {
    let scene = try await ChainScene.deploy()
    let (core, client) = (scene.contracts.core, scene.client)
    let program = EmethCore.Program(
      programID: .meanOfNumbers, name: "mean", mode: .normal, minFuelPrice: FuelPrice(holonPerFuel: 0),
      cooldownSeconds: 0, defaultFuelLimit: .zero, defaultFuelPrice: FuelPrice(holonPerFuel: 0),
      minTarget: .zero)
    _ = try await scene.sender(scene.owner).submit(EmethCore.setProgram(program), to: core, under: "program")
    let sender = try scene.sender()
    let now = try #require(try await client.block(.latest)).timestamp
    func request(_ salt: UInt8, _ dataset: String) async throws -> JobID {
      let salt = try #require(Bytes32([UInt8](repeating: salt, count: 32)))
      let call = EmethCore.request(
        salt: salt, program: .meanOfNumbers, dataset: dataset, parameters: "{}", fuelLimit: Fuel(units: 100),
        fuelPrice: FuelPrice(holonPerFuel: 1_000_000), deadline: now + 100_000,
        maxEscrow: ChainScene.amount(1))
      _ = try await sender.submit(call, to: core, under: dataset)
      return JobID(requester: scene.user.address, salt: salt)
    }
    let store = try EventStore(
      file: scene.folder.url.appending(path: "events.sqlite"), chainID: scene.bridge.chainID,
      contracts: [core])
    let follower = EventFollower(client: client, store: store, contracts: [core])
    func follow() async throws { while try await !follower.advance().isAtHead {} }
    let jobs = ChainJobs(client: client, store: store, contracts: scene.contracts)

    let first = try await request(1, "one.zip")
    try await follow()
    let found = try #require(try await jobs.find(first))
    #expect(found.id == "\(first)" && found.status == 1 && found.dataset == "one.zip" && found.result == nil)
    #expect(found.requester == "\(scene.user.address)" && found.programId == 999 && found.fuelLimit == "100")
    #expect(found.parentId == "0x" + String(repeating: "0", count: 32) && found.deadline == now + 100_000)
    #expect(found.created.hasPrefix("20") && found.created.hasSuffix("Z"))

    let snapshot = try await scene.bridge.snapshot()
    let second = try await request(2, "two.zip")
    _ = try await sender.submit(EmethCore.cancel(first), to: core, under: "cancel")
    try await follow()
    #expect(try await jobs.list().map(\.id) == ["\(first)", "\(second)"], "the newest change first")
    #expect(try await jobs.list(.canceled).map(\.id) == ["\(first)"])
    #expect(try await jobs.list(.requested).map(\.id) == ["\(second)"])
    #expect(try await jobs.list(before: first).map(\.id) == ["\(second)"])
    #expect(try await jobs.list(before: second).isEmpty)
    let few = ChainJobs(client: client, store: store, contracts: scene.contracts, pageLimit: 1)
    #expect(try await few.list().map(\.id) == ["\(first)"])
    #expect(try await few.list(before: first).map(\.id) == ["\(second)"])
    #expect(try await few.list(.canceled, before: first).isEmpty, "none of that status follows")

    // What has not changed is not asked for again: the node is away, and the list is there.
    try await scene.bridge.fault("eth_call", "status", .number("503"), count: 999)
    #expect(try await jobs.list().count == 2)
    try await scene.bridge.noFaults()

    // What was missing among logs that were read before is listed when it is there.
    let all = try store.logs()
    let lost = try #require(
      all.first { log in
        guard case .status(let id, _, _)? = try? EmethCore.Event(topics: log.topics, data: log.data) else {
          return false
        }
        return id == second
      }
    ).blockNumber
    try store.database.write { db in
      try db.execute(sql: "DELETE FROM chainLog WHERE block = ?", arguments: [lost])
    }
    #expect(try await jobs.list().map(\.id) == ["\(first)"])
    #expect(try await jobs.find(second) == nil)
    let missing = try store.complete(all, in: 0...UInt64(Int64.max), isDone: false)
    #expect(missing == all.count { $0.blockNumber == lost })
    #expect(try await jobs.list().map(\.id) == ["\(first)", "\(second)"])

    try await scene.bridge.tell("evm_revert", snapshot)
    try await scene.bridge.tell("evm_increaseTime", .hex(UInt64(60)))
    try await scene.bridge.mine(3)
    try await follow()
    #expect(try await jobs.list().map(\.id) == ["\(first)"])
    #expect(try await jobs.find(first)?.status == 1)
    #expect(try await jobs.find(second) == nil)
  }
}
