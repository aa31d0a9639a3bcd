@testable import EmethKit
import Testing

/// What views return, as our types; and what they can't be.
@Suite struct EmethCoreResultTests {
  private let scene: ContractScene

  init() throws { scene = try ContractScene() }

  private func result<Output>(_ call: ContractCall<Output>, _ values: [ABIValue]) throws -> Output {
    try call.result(call.function.encodeResult(values))
  }

  private func jobValues(status: UInt256 = 3, fuelLimit: UInt256 = 120_000, parent: JobID? = nil)
    -> [ABIValue]
  {
    [
      .bool(true), .fixedBytes(scene.job.bytes),
      .fixedBytes(parent?.bytes ?? [UInt8](repeating: 0, count: 16)), .address(scene.other),
      .uint(1_700_000_000), .uint(fuelLimit), .uint(7), .uint(status), .uint(1_600_000_000),
    ]
  }

  @Test func jobsAreRead() throws {
    let job = try #require(try result(EmethCore.job(scene.job), jobValues(parent: scene.parent)))
    #expect(job.jobID == scene.job && job.parentJob == scene.parent && job.owner == scene.other)
    #expect(job.deadline == 1_700_000_000 && job.requestedAt == 1_600_000_000 && job.status == .submitted)
    #expect(job.fuelLimit == Fuel(units: 120_000) && job.fuelPrice == FuelPrice(holonPerFuel: 7))
    #expect(try result(EmethCore.job(scene.job), jobValues())?.parentJob == nil)
    let none: [ABIValue] = [
      .bool(false), .fixedBytes([UInt8](repeating: 0, count: 16)),
      .fixedBytes([UInt8](repeating: 0, count: 16)),
      .address(.zero), .uint(0), .uint(0), .uint(0), .uint(0), .uint(0),
    ]
    #expect(try result(EmethCore.job(scene.job), none) == nil)

    let detail = try result(
      EmethCore.jobDetail(scene.job),
      [.uint(1), .uint(4), .uint(2), .string("{}"), .string("in"), .string("")])
    #expect(detail.programID == .languageModelTraining && detail.numParallel == 4 && detail.numEpoch == 2)
    #expect(detail.parameters == "{}" && detail.dataset == "in" && detail.result.isEmpty)

    func assign(_ node: Address, submittedAt: UInt256) throws -> EmethCore.JobAssign? {
      try result(
        EmethCore.jobAssign(scene.job),
        [.address(node), .uint(9), .uint(8), .uint(7), .uint(submittedAt), .uint(0), .uint(0)])
    }
    let taken = try #require(try assign(scene.node, submittedAt: 6))
    #expect(taken.node == scene.node && taken.deposit == TokenAmount(holon: 9) && taken.startedAt == 7)
    #expect(
      taken.fuelUsed == Fuel(units: 8) && taken.submittedAt == 6 && taken.verifiedAt == nil
        && taken.slot == nil)
    #expect(
      try assign(scene.node, submittedAt: 0)?.submittedAt == nil && assign(.zero, submittedAt: 0) == nil)
    #expect(
      try result(EmethCore.jobChild(scene.job, index: 0), [.fixedBytes(scene.parent.bytes)]) == scene.parent)
  }

  @Test func programsAndSlotsAreRead() throws {
    func program(mode: UInt256, id: UInt256 = 84) throws -> EmethCore.Program {
      try result(
        EmethCore.program(.proofOfWork),
        [.uint(id), .string("work"), .uint(mode), .uint(2), .uint(3), .uint(4), .uint(5), .uint(.max)])
    }
    let known = try program(mode: 1)
    #expect(known.programID == .proofOfWork && known.name == "work" && known.mode == .direct)
    #expect(known.minFuelPrice == FuelPrice(holonPerFuel: 2) && known.cooldownSeconds == 3)
    #expect(known.defaultFuelLimit == Fuel(units: 4) && known.defaultFuelPrice == FuelPrice(holonPerFuel: 5))
    #expect(try known.minTarget == .max && program(mode: 0).mode == .normal)
    #expect(throws: ContractError.value(of: "programs", member: "mode", found: "2", allowed: "0 or 1")) {
      try program(mode: 2)
    }
    #expect(
      throws: ContractError.value(of: "programs", member: "programId", found: "0", allowed: "at least 1")
    ) {
      try program(mode: 0, id: 0)
    }
    let slot = try result(EmethCore.slot(7), [.uint(8), .uint(9)])
    #expect(slot.totalFuel == Fuel(units: 8) && slot.totalReward == TokenAmount(holon: 9))
    let share = try result(EmethCore.slotShare(of: scene.node, slot: 7), [.uint(8), .uint(7), .uint(9)])
    #expect(
      share.fuel == Fuel(units: 8) && share.balance == Fuel(units: 7) && share.reward == TokenAmount(holon: 9)
    )
    #expect(try result(EmethCore.slotFuel(of: scene.node, slot: 7), [.uint(8)]) == Fuel(units: 8))
    #expect(try result(EmethCore.currentSlot(), [.uint(19_000)]) == 19_000)
    #expect(try result(EmethCore.lastJobAssigned(to: scene.node), [.uint(0)]) == nil)
    #expect(try result(EmethCore.lastJobAssigned(to: scene.node), [.uint(5)]) == 5)
    #expect(try result(EmethCore.deposits(of: scene.node), [.uint(.max)]) == TokenAmount(holon: .max))
    #expect(try result(EmethCore.parameter(.depositRate), [.uint(100)]) == 100)
    #expect(try result(EmethCore.token(), [.address(scene.other)]) == scene.other)
    #expect(try result(EmethCore.isOwner(scene.node), [.bool(true)]))
  }

  @Test func settlementIsRead() throws {
    let word = scene.word
    let record = try #require(
      try result(
        EmethCore.depositRecord(number: 0),
        [.address(scene.node), .address(scene.other), .uint(5), .bool(true)]))
    #expect(record.account == scene.node && record.depositor == scene.other && record.isReclaimed)
    #expect(record.amount == TokenAmount(holon: 5))
    let noRecord: [ABIValue] = [.address(.zero), .address(.zero), .uint(0), .bool(false)]
    #expect(try result(EmethCore.depositRecord(number: 9), noRecord) == nil)
    func batch(epoch: UInt256) throws -> EmethCore.PostedBatch? {
      try result(
        EmethCore.batch(word), [.uint(epoch), .bytes32(word), .uint(3), .uint(4), .uint(5), .uint(6)])
    }
    let posted = try #require(try batch(epoch: 2))
    #expect(posted.epoch == 2 && posted.accountsRoot == word && posted.totalPayout == TokenAmount(holon: 3))
    #expect(posted.totalBurned == TokenAmount(holon: 4) && posted.depositsSeen == 5 && posted.postedAt == 6)
    #expect(try batch(epoch: 0) == nil)
    #expect(try result(EmethCore.latestBatch(), [.bytes32(word)]) == word)
    #expect(try result(EmethCore.latestBatch(), [.bytes32(.zero)]) == nil)
    #expect(try result(EmethCore.posting(number: 0), [.bytes32(word)]) == word)
    #expect(try result(EmethCore.posting(number: 1), [.bytes32(.zero)]) == nil)
    let frozen = try #require(try result(EmethCore.frozen(), [.bytes32(word), .uint(7)]))
    #expect(frozen.value == word && frozen.time == 7)
    #expect(try result(EmethCore.frozen(), [.bytes32(.zero), .uint(0)]) == nil)
    // Frozen before the first batch: no batch counts.
    #expect(try result(EmethCore.frozen(), [.bytes32(.zero), .uint(7)])?.value == .zero)
    let next = try #require(try result(EmethCore.nextSigner(), [.address(scene.node), .uint(8)]))
    #expect(next.value == scene.node && next.time == 8)
    #expect(try result(EmethCore.nextSigner(), [.address(.zero), .uint(0)]) == nil)
    #expect(try result(EmethCore.nextBondWithdrawal(), [.uint(3), .uint(8)])?.value == TokenAmount(holon: 3))
    #expect(try result(EmethCore.nextBondWithdrawal(), [.uint(0), .uint(0)]) == nil)
    #expect(try result(EmethCore.exit(of: scene.node), [.uint(2), .uint(9)])?.requestedAt == 9)
    #expect(try result(EmethCore.exit(of: scene.node), [.uint(0), .uint(0)]) == nil)
    let claim = try #require(
      try result(EmethCore.claim(of: scene.node), [.uint(2), .uint(3), .uint(4), .bool(false)]))
    #expect(
      claim.epoch == 2 && claim.amount == TokenAmount(holon: 3) && claim.maturesAt == 4 && !claim.isPaid)
    #expect(try result(EmethCore.claim(of: scene.node), [.uint(0), .uint(0), .uint(0), .bool(false)]) == nil)
    #expect(try result(EmethCore.postBatch(scene.later.batch), [.bytes32(word)]) == word)
    #expect(try result(EmethCore.redeemTicket(scene.ticket), [.uint(200)]) == TokenAmount(holon: 200))
    try result(EmethCore.deposit(.zero), [])
  }

  /// A stranger may register a job that no type of ours holds: that is this job's error, with its place.
  @Test func whatOurTypesCanNotHoldIsNamed() throws {
    let tooMuch = UInt256(UInt64.max) + 1
    #expect(
      throws: ContractError.value(
        of: "jobs", member: "fuelLimit", found: "\(tooMuch)", allowed: "at most \(UInt64.max)")
    ) {
      try result(EmethCore.job(scene.job), jobValues(fuelLimit: tooMuch))
    }
    for status: UInt256 in [0, 9, 256, 259, .max] {
      #expect(
        throws: ContractError.value(of: "jobs", member: "status", found: "\(status)", allowed: "1 to 8")
      ) {
        try result(EmethCore.job(scene.job), jobValues(status: status))
      }
    }
    let wide: [ABIValue] = [.uint(1), .uint(1 << 32), .uint(2), .string(""), .string(""), .string("")]
    #expect {
      try result(EmethCore.jobDetail(scene.job), wide)
    } throws: { error in
      (error as? ContractError)?.message
        == "jobDetails has numParallel \"4294967296\", allowed is at most 4294967295"
    }
    #expect(throws: ContractError.self) { try result(EmethCore.currentSlot(), [.uint(.max)]) }
  }

  /// An address without the contract answers with nothing, another contract with something else.
  /// Contracts take any bytes as text, and so does who checks what a node has written there.
  @Test func textsThatAreNoUTF8AreRead() throws {
    let call = EmethCore.jobDetail(scene.job)
    var data = try call.function.encodeResult([
      .uint(999), .uint(1), .uint(1), .string("{}"), .string("input"), .string("####"),
    ])
    let place = try #require(data.lastIndex(of: UInt8(ascii: "#")))
    data[place - 1] = 0xFF
    #expect(throws: FormatError.self) { try call.function.decodeResult(data) }
    let detail = try call.result(data)
    #expect(detail.result == "##\u{FFFD}#" && detail.dataset == "input")
  }

  @Test func brokenResultsAreRefused() throws {
    let call = EmethCore.job(scene.job)
    #expect {
      try call.result([])
    } throws: { error in
      guard let error = error as? ContractError else { return false }
      return error.code == "contract.data" && error.hint != nil
        && error == .data(of: "jobs", cause: .abi(.truncated(needed: 288, found: 0), at: 0, path: ""))
    }
    var data = try call.function.encodeResult(jobValues())
    data[0] = 1
    #expect(throws: ContractError.self) { try call.result(data) }
    for function in EmethCore.functions where !function.outputs.isEmpty {
      #expect(throws: FormatError.self) { try function.decodeResult([UInt8](repeating: 0, count: 31)) }
    }
  }
}
