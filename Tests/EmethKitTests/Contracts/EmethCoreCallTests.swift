@testable import EmethKit
import Testing

/// Every typed call: its calldata holds what was said, and its result is read as what it means.
@Suite struct EmethCoreCallTests {
  private let scene: ContractScene
  private let amount = TokenAmount(holon: 25)

  init() throws { scene = try ContractScene() }

  private typealias Case = (function: ABIFunction, data: [UInt8], arguments: [ABIValue])

  private func call<Output>(_ call: ContractCall<Output>, _ arguments: [ABIValue] = []) -> Case {
    (call.function, call.data, arguments)
  }

  private var program: EmethCore.Program {
    EmethCore.Program(
      programID: .proofOfWork, name: "work", mode: .direct, minFuelPrice: FuelPrice(holonPerFuel: 2),
      cooldownSeconds: 3, defaultFuelLimit: Fuel(units: 4), defaultFuelPrice: FuelPrice(holonPerFuel: 5),
      minTarget: 6)
  }

  private var jobCases: [Case] {
    let job = ABIValue.fixedBytes(scene.job.bytes)
    let node = ABIValue.address(scene.node)
    return [
      call(
        EmethCore.request(
          jobID: scene.job, program: .languageModelTraining, parent: scene.parent, parallel: 4, epochs: 2,
          dataset: "data.zip", parameters: "{}", fuelLimit: Fuel(units: 120_000),
          fuelPrice: FuelPrice(gholon: 120),
          deadline: 1_700_000_000),
        [
          job, .uint(1), .fixedBytes(scene.parent.bytes), .uint(4), .uint(2), .string("data.zip"),
          .string("{}"),
          .uint(120_000), .uint(120_000_000_000), .uint(1_700_000_000),
        ]),
      call(EmethCore.cancel(scene.job), [job]), call(EmethCore.process(scene.job), [job]),
      call(EmethCore.decline(scene.job), [job]), call(EmethCore.verify(scene.job), [job]),
      call(EmethCore.timeout(scene.job), [job]), call(EmethCore.rejectResult(scene.job), [job]),
      call(
        EmethCore.submit(scene.job, result: "out.zip", fuelUsed: Fuel(units: 9)),
        [job, .string("out.zip"), .uint(9)]),
      call(
        EmethCore.delegatedSubmit(
          scene.job, node: scene.node, program: .proofOfWork, result: "r", fuelUsed: Fuel(units: 9)),
        [node, job, .uint(84), .string("r"), .uint(9)]),
      call(
        EmethCore.directSubmit(scene.job, program: .proofOfWork, result: "r", fuelUsed: Fuel(units: 9)),
        [job, .string("r"), .uint(9), .uint(84)]),
      call(EmethCore.withdrawSlotReward(node: scene.node, slot: 7), [node, .uint(7)]),
      call(EmethCore.withdrawSlotRewards(node: scene.node, slots: 7...9), [node, .uint(7), .uint(9)]),
      call(EmethCore.addOwner(scene.node), [node]), call(EmethCore.removeOwner(scene.node), [node]),
      call(EmethCore.addVerifier(scene.node), [node]), call(EmethCore.removeVerifier(scene.node), [node]),
      call(EmethCore.setMasterVerifier(scene.node), [node]),
      call(EmethCore.setChallengeSigner(scene.node), [node]),
      call(
        EmethCore.setProgram(program),
        [.uint(84), .string("work"), .uint(1), .uint(2), .uint(3), .uint(4), .uint(5), .uint(6)]),
      call(
        EmethCore.setParameter(.depositRate, to: 100),
        [.bytes32(Keccak256.hash("DEPOSIT_RATE".utf8)), .uint(100)]),
      call(EmethCore.setMinTarget(.proofOfWork, to: .max), [.uint(84), .uint(.max)]),
      call(EmethCore.setMinTarget(.proofOfWork, byDifficulty: 10), [.uint(84), .uint(10)]),
      call(EmethCore.parameter(.maxSlotFuelPerNode), [.string("MAX_SLOT_FUEL_PER_NODE")]),
      call(EmethCore.currentSlotReward()), call(EmethCore.currentSlot()), call(EmethCore.startSlot()),
      call(EmethCore.slot(7), [.uint(7)]),
      call(EmethCore.slotShare(of: scene.node, slot: 7), [.uint(7), node]),
      call(EmethCore.slotFuel(of: scene.node, slot: 7), [.uint(7), node]),
      call(EmethCore.slotBalance(of: scene.node, slot: 7), [.uint(7), node]),
      call(EmethCore.isOwner(scene.node), [node]), call(EmethCore.isVerifier(scene.node), [node]),
      call(EmethCore.masterVerifier()), call(EmethCore.token()),
      call(EmethCore.lastJobAssigned(to: scene.node), [node]),
      call(EmethCore.deposits(of: scene.node), [node]),
      call(EmethCore.job(scene.job), [job]), call(EmethCore.jobDetail(scene.job), [job]),
      call(EmethCore.jobAssign(scene.job), [job]),
      call(EmethCore.jobChild(scene.job, index: 3), [job, .uint(3)]),
      call(EmethCore.program(.proofOfWork), [.uint(84)]),
    ]
  }

  private var settlementCases: [Case] {
    let node = ABIValue.address(scene.node)
    func batch(_ signed: SignedBatch) -> [ABIValue] {
      let b = signed.batch
      return [
        .tuple([
          .uint(UInt256(b.epoch)), .bytes32(b.previousBatch), .bytes32(b.accountsRoot),
          .uint(b.totalPayout.holon),
          .uint(b.totalBurned.holon), .uint(UInt256(b.depositsSeen)), .bytes32(b.dataHash),
          .uint(UInt256(b.fromTime)), .uint(UInt256(b.toTime)),
        ]), .bytes(signed.signature.bytes),
      ]
    }
    func ticket(_ t: Ticket) -> ABIValue {
      .tuple([
        .address(t.account), .uint(UInt256(t.epoch)), .uint(t.cumulativePayout.holon), .uint(t.unspent.holon),
        .uint(t.locked.holon), .bytes32(t.jobsRoot),
      ])
    }
    func proof(_ t: ProvenTicket) -> ABIValue { .array(t.proof.map { .bytes32($0) }) }
    func leaf(_ t: ProvenTicket) -> [ABIValue] { [.bytes32(t.batch.digest), ticket(t.ticket), proof(t)] }
    let (earlier, later) = (scene.earlier, scene.later)
    return [
      call(EmethCore.deposit(amount), [.uint(25)]), call(EmethCore.withdraw(amount), [.uint(25)]),
      call(EmethCore.depositToLayer2(account: scene.node, amount: amount), [node, .uint(25)]),
      call(EmethCore.fundSlot(7), [.uint(7)]),
      call(
        EmethCore.redeemTicket(scene.ticket),
        [ticket(scene.ticket.ticket), .bytes(scene.ticket.signature.bytes)]),
      call(EmethCore.redeemFromBatch(later), leaf(later)),
      call(EmethCore.postBatch(later.batch), batch(later.batch)),
      call(EmethCore.challengeBatches(earlier.batch, later.batch), batch(earlier.batch) + batch(later.batch)),
      call(
        EmethCore.challengeAccount(earlier, later),
        batch(earlier.batch) + [ticket(earlier.ticket), proof(earlier)] + batch(later.batch)
          + [ticket(later.ticket), proof(later)]),
      call(EmethCore.requestExit(earlier), leaf(earlier)), call(EmethCore.serveExit(later), leaf(later)),
      call(EmethCore.freeze(), [.address(.zero)]),
      call(EmethCore.freeze(unservedExitOf: scene.node), [node]),
      call(EmethCore.claim(later), leaf(later)), call(EmethCore.payClaim(of: scene.node), [node]),
      call(EmethCore.reclaimDeposit(number: 3), [.uint(3)]),
      call(EmethCore.proposeSigner(scene.node), [node]),
      call(EmethCore.depositBond(amount), [.uint(25)]),
      call(EmethCore.announceBondWithdrawal(amount), [.uint(25)]), call(EmethCore.withdrawBond()),
      call(EmethCore.redeemed(by: scene.node), [node]), call(EmethCore.totalRedeemed()),
      call(EmethCore.totalBurned()), call(EmethCore.depositCount()),
      call(EmethCore.depositRecord(number: 3), [.uint(3)]), call(EmethCore.signer()),
      call(EmethCore.nextSigner()), call(EmethCore.bond()), call(EmethCore.nextBondWithdrawal()),
      call(EmethCore.redeemedSincePosting()), call(EmethCore.latestBatch()),
      call(EmethCore.batch(scene.word), [.bytes32(scene.word)]), call(EmethCore.frozen()),
      call(EmethCore.exit(of: scene.node), [node]), call(EmethCore.claim(of: scene.node), [node]),
      call(EmethCore.isSlotFunded(7), [.uint(7)]),
    ]
  }

  private var extensionCases: [Case] {
    let job = ABIValue.fixedBytes(scene.job.bytes)
    let (node, other) = (ABIValue.address(scene.node), ABIValue.address(scene.other))
    let ticket = scene.ticket.ticket
    let batch = scene.later.batch.batch
    return [
      call(
        EmethCore.request(
          salt: scene.word, program: .languageModelTraining, parallel: 4, epochs: 2, dataset: "data.zip",
          parameters: "{}", fuelLimit: Fuel(units: 9), fuelPrice: FuelPrice(holonPerFuel: 8), deadline: 7,
          maxEscrow: amount),
        [
          .bytes32(scene.word), .uint(1), .uint(4), .uint(2), .string("data.zip"), .string("{}"), .uint(9),
          .uint(8), .uint(7), .uint(25),
        ]),
      call(
        EmethCore.requestSubJob(
          parent: scene.job, round: 1, part: 2, attempt: 3, program: .meanOfNumbers, dataset: "d",
          parameters: "p", fuelLimit: Fuel(units: 9), verifierFee: amount, deadline: 7, isMasked: true),
        [
          job, .uint(1), .uint(2), .uint(3), .uint(999), .string("d"), .string("p"), .uint(9), .uint(25),
          .uint(7), .bool(true),
        ]),
      call(EmethCore.setServer(scene.node, isAllowed: true), [node, .bool(true)]),
      call(EmethCore.setContracts(settlement: scene.node, verification: scene.other), [node, other]),
      call(EmethCore.setPaused(true), [.bool(true)]),
      call(EmethCore.setFuelCounts(.languageModelTraining, true), [.uint(1), .bool(true)]),
      call(EmethCore.jobTerms(scene.job), [job]), call(EmethCore.isMasked(scene.job), [job]),
      call(EmethCore.isServer(scene.node, of: scene.other), [other, node]),
      call(EmethCore.settlement()), call(EmethCore.verification()),
      call(EmethCore.isPaused()), call(EmethCore.challengeSigner()),
      call(
        EmethCore.redeemTickets([scene.ticket, scene.ticket]),
        [
          .array([.tuple(ticket.abiValues), .tuple(ticket.abiValues)]),
          .array([.bytes(scene.ticket.signature.bytes), .bytes(scene.ticket.signature.bytes)]),
        ]),
      call(EmethCore.ticketDigest(ticket), [.tuple(ticket.abiValues)]),
      call(EmethCore.batchDigest(batch), [.tuple(batch.eip712Values)]),
      call(EmethCore.pool()), call(EmethCore.totalDeposited()), call(EmethCore.totalGranted()),
      call(EmethCore.postingCount()), call(EmethCore.posting(number: 3), [.uint(3)]),
      call(EmethCore.core()), call(EmethCore.domainSeparator()),
    ]
  }

  @Test func calldataHoldsWhatWasSaid() throws {
    let cases = jobCases + settlementCases + extensionCases
    for (function, data, arguments) in cases {
      #expect(try function.decodeCall(data, canonical: true) == arguments, "\(function)")
    }
    let called = Set(cases.map(\.function))
    #expect(called == Set(EmethCore.functions), "every function has a call, and every call a function")
  }

  @Test func aJobWithoutAParentHasZeros() throws {
    let call = EmethCore.request(
      jobID: scene.job, program: .meanOfNumbers, dataset: "", parameters: "", fuelLimit: .zero,
      fuelPrice: FuelPrice(gholon: 0), deadline: .max)
    let arguments = try call.function.decodeCall(call.data)
    #expect(arguments[2] == .fixedBytes([UInt8](repeating: 0, count: 16)))
    #expect(
      arguments[3] == .uint(1) && arguments[4] == .uint(1) && arguments[9] == .uint(UInt256(UInt64.max)))
    #expect(try call.result(ABI.word(true)) && !call.result(ABI.word(false)))
  }
}
