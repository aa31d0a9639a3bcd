import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What an owner does by hand is done once, whatever the node answers and whenever the command is repeated.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(5)))
struct ChainAccountTests {
  private let one = ChainScene.amount(1)

  private func account(
    _ scene: ChainScene, attempts: Int = 2, _ change: (inout SenderSettings) -> Void = { _ in }
  ) async throws -> ChainAccount {
    var settings = SenderSettings()
    settings.confirmations = 1
    settings.pollSeconds = 0.05
    settings.patienceSeconds = 5
    change(&settings)
    return try await ChainAccount.open(
      client: scene.bridge.client { $0.attempts = attempts }, core: scene.contracts.core, key: scene.user,
      journal: scene.folder.url.appending(path: "transactions.sqlite"), settings: settings)
  }

  private func failure(_ body: () async throws -> Void) async -> ChainError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? ChainError
    }
  }

  private func error(_ number: Int, _ message: String) -> JSONValue {
    .object([.init("code", .number("\(number)")), .init("message", .string(message))])
  }

  @Test func aDepositThatIsDoneIsNoErrorWhenTheNodeGoesAway() async throws {
    let scene = try await ChainScene.deploy()
    let client = try await account(scene)
    try await scene.bridge.tell("evm_setAutomine", .bool(false))
    async let report = client.deposit(one)
    while try await scene.client.transactionCount(of: scene.user.address, at: .pending)
      == (try await scene.client.transactionCount(of: scene.user.address))
    { try await Task.sleep(for: .milliseconds(20)) }
    try await scene.bridge.fault("eth_call", "status", .number("503"), count: 99)
    try await scene.bridge.mine()
    let found = try await report
    #expect(found.wallet == nil && found.ledger == nil && found.notes.count == 1)
    #expect(found.steps.map(\.function) == ["deposit"] && found.steps[0].transaction != nil)
    try await scene.bridge.noFaults()
    #expect(try await scene.ledger(scene.user.address) == one)
  }

  /// Sent, mined while nobody looked, and asked for again: nothing is sent, and nothing is claimed to have been done.
  @Test func aPaymentThatHasArrivedIsRepeatedOnlyWhenThatIsSaid() async throws {
    let scene = try await ChainScene.deploy()
    let (core, call) = (scene.contracts.core, EmethCore.deposit(one))
    let sent = try await scene.sender().send(call, to: core, under: "interrupted")
    let account = try await account(scene)
    for isDryRun in [true, false, false] {
      guard
        case .sentBefore("deposit", sent.newest.hash, _)? = await failure({
          _ = try await account.deposit(one, isDryRun: isDryRun)
        })
      else {
        Issue.record("a payment is repeated or counted")
        return
      }
    }
    #expect(try await scene.ledger(scene.user.address) == one)
    // Another command in between changes nothing of that.
    _ = try await account.withdraw(one)
    #expect(await failure { _ = try await account.deposit(one) }?.code == "chain.sentBefore")
    let again = try await self.account(scene) { $0.again = true }.deposit(one)
    #expect(again.steps.map(\.wasSentBefore) == [false])
    #expect(try await scene.ledger(scene.user.address) == one)
    // Before its report is written nobody knows of it; afterwards it is no matter for the next one.
    #expect(await failure { _ = try await account.deposit(one) }?.code == "chain.sentBefore")
    try account.sender.settle(again)
    _ = try await account.deposit(one)
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(2))
  }

  /// An approval that was mined while nobody looked is not taken for that of the next payment.
  @Test func anOldApprovalIsNotTheNextOne() async throws {
    let scene = try await ChainScene.deploy()
    let (core, token) = (scene.contracts.core, scene.contracts.token)
    let sender = try scene.sender()
    let approval = EmethToken.approve(spender: core, amount: one)
    _ = try await sender.send(approval, to: token, under: "interrupted")
    _ = try await sender.submit(EmethToken.approve(spender: core, amount: .zero), to: token, under: "none")
    let report = try await account(scene).deposit(one)
    #expect(report.steps.map(\.function) == ["approve", "deposit"])
    #expect(report.steps.map(\.wasSentBefore) == [false, false])
    #expect(try await sender.unfinished(approval, to: token).isEmpty)
  }

  /// The first attempt arrives and its answer is lost; what is said of the second one must not set the payment free.
  @Test(arguments: [
    "AlreadyKnown", "no such luck", "InsufficientFunds", "execution reverted", "intrinsic gas too low",
  ])
  func whatMayHaveArrivedIsNotGivenUp(words: String) async throws {
    let scene = try await ChainScene.deploy()
    let account = try await account(scene) { $0.patienceSeconds = 1 }
    try await scene.bridge.tell("evm_setAutomine", .bool(false))
    // The first answer is lost; the first fault changes nothing and leaves the next one to the second attempt.
    try await scene.bridge.tell("evm_losesAnswers", .number("1"))
    try await scene.bridge.fault("eth_sendRawTransaction", "patch", .object([]))
    try await scene.bridge.fault("eth_sendRawTransaction", "error", error(-32010, words))
    #expect(await failure { _ = try await account.deposit(one) } != nil)
    try await scene.bridge.noFaults()
    try await scene.bridge.tell("evm_setAutomine", .bool(true))
    try await scene.bridge.mine()
    #expect(await failure { _ = try await account.deposit(one) }?.code == "chain.sentBefore")
    #expect(try await scene.ledger(scene.user.address) == one)
  }

  /// A refusal for good gives the nonce back, and what is in the chain all the same still counts.
  @Test func whatWasRefusedAndArrivedIsFound() async throws {
    let scene = try await ChainScene.deploy()
    let account = try await account(scene)
    try await scene.bridge.fault("eth_sendRawTransaction", "error", error(-32000, "intrinsic gas too low"))
    #expect(await failure { _ = try await account.deposit(one) }?.code == "chain.refused")
    let journal = account.sender.journal
    #expect(try journal.open(chain: scene.bridge.chainID, account: account.address).isEmpty)
    let released = try #require(
      try journal.uncertain(chain: scene.bridge.chainID, account: account.address).last)
    try await scene.client.sendRaw(released.newest.encoded, hash: released.newest.hash)
    #expect(await failure { _ = try await account.deposit(one) }?.code == "chain.sentBefore")
    #expect(try await scene.ledger(scene.user.address) == one)
  }

  @Test func aForeignTicketStandsInNobodysWay() async throws {
    let scene = try await ChainScene.deploy()
    try await scene.prepareSettlement()
    let account = try await account(scene)
    _ = try await account.depositToLayer2(ChainScene.amount(20), for: account.address)
    let before = try await scene.balance(account.address)
    let good = scene.ticket(account.address, epoch: 1, payout: 3)
    let other = scene.ticket(scene.other.address, epoch: 1, payout: 2)
    let forged = scene.ticket(account.address, epoch: 2, payout: 9, by: scene.user)
    let plan = try await account.redeem([forged, good, other], isDryRun: true)
    #expect(plan.amount == ChainScene.amount(5) && plan.notes.count == 1)
    let report = try await account.redeem([forged, good, other])
    #expect(report.amount == ChainScene.amount(5) && report.steps.count == 1)
    #expect(report.notes.count == 1 && report.notes[0].contains("settlement.signature"))
    #expect(try await scene.balance(account.address) == before + ChainScene.amount(3))
    #expect(
      await failure { _ = try await account.redeem([forged]) }
        == .reverted(function: "redeemTicket", reason: .message("settlement.signature")))
    #expect(try await account.redeem([good, other]).steps.isEmpty)
  }

  /// The bond is 100, the cap 50: more is paid by a batch, a day after it was posted, and by a signature what is left.
  @Test func whatSignaturesCannotPayIsPaidByProof() async throws {
    let scene = try await ChainScene.deploy()
    try await scene.prepareSettlement()
    let account = try await account(scene)
    let (user, other) = (account.address, scene.other.address)
    _ = try await account.depositToLayer2(ChainScene.amount(200), for: user)
    let before = try await scene.balance(user)
    let signed = scene.ticket(user, epoch: 2, payout: 90)
    let found = await failure { _ = try await account.redeem([signed]) }
    #expect(found == .reverted(function: "redeemTicket", reason: .message("settlement.cap")))
    #expect(found?.hint?.contains("batch and proof") == true)

    let proven = try scene.proven([(user, 70), (other, 1)])[0]
    let plan = try await account.redeem([signed], proven: [proven], isDryRun: true)
    #expect(plan.steps.map(\.function) == ["postBatch"] && plan.amount == .zero)
    let posted = try await account.redeem([signed], proven: [proven])
    #expect(posted.steps.map(\.function) == ["postBatch"] && posted.amount == .zero)
    #expect(posted.notes.contains { $0.contains("repeat the command after") })
    let early = try await account.redeem([], proven: [proven])
    #expect(early.steps.isEmpty && early.notes.count == 1)
    #expect(try await account.payingEpoch() == nil)

    try await scene.wait(seconds: 86_400)
    #expect(try await account.payingEpoch() == 1)
    let report = try await account.redeem([signed], proven: [proven])
    #expect(report.steps.map(\.function) == ["redeemFromBatch", "redeemTicket"])
    #expect(report.amount == ChainScene.amount(90) && report.notes.isEmpty)
    #expect(try await scene.balance(user) == before + ChainScene.amount(90))
    #expect(try await account.redeem([signed], proven: [proven]).steps.isEmpty)

    // A batch below the posted one pays nobody, and stands in nobody's way.
    let older = try scene.proven([(user, 80), (other, 1)])[0]
    #expect(await failure { _ = try await account.redeem([], proven: [older]) }?.code == "chain.reverted")
    let otherSigned = scene.ticket(other, epoch: 1, payout: 1)
    let mixed = try await account.redeem([otherSigned], proven: [older])
    #expect(mixed.amount == one && mixed.notes.contains { $0.contains("settlement.noBatch") })
  }

  /// Each alone is covered, both together are not: one is paid.
  @Test func ofTicketsThatAreTooMuchTogetherSomeArePaid() async throws {
    let scene = try await ChainScene.deploy()
    try await scene.prepareSettlement()
    let account = try await account(scene)
    _ = try await account.depositToLayer2(ChainScene.amount(100), for: account.address)
    let tickets = [
      scene.ticket(account.address, epoch: 1, payout: 31),
      scene.ticket(scene.other.address, epoch: 1, payout: 30),
    ]
    let before = try await scene.balance(scene.other.address)
    let report = try await account.redeem(tickets)
    #expect(report.amount == ChainScene.amount(30) && report.steps.map(\.function) == ["redeemTicket"])
    #expect(report.notes.count == 1 && report.notes[0].contains("settlement.cap"))
    #expect(try await scene.balance(scene.other.address) == before + ChainScene.amount(30))
  }

  @Test func anExitIsReportedAsTheContractTookIt() async throws {
    let scene = try await ChainScene.deploy()
    try await scene.prepareSettlement()
    let account = try await account(scene)
    _ = try await account.depositToLayer2(ChainScene.amount(20), for: account.address)
    func exit(_ unspent: UInt64, _ previous: SignedBatch? = nil) throws -> ProvenTicket {
      let leaf = Ticket(
        account: account.address, epoch: 1, cumulativePayout: .zero, unspent: ChainScene.amount(unspent),
        locked: .zero, jobsRoot: .zero)
      let batch = try Batch(
        after: previous, leaves: [leaf], totalBurned: .zero, depositsSeen: 1, fromTime: 1, toTime: 1)
      return try ProvenTicket(
        account: account.address, leaves: [leaf],
        batch: SignedBatch(signing: batch, in: scene.contracts.domain, with: scene.signer))
    }
    let first = try exit(20)
    #expect(try await account.requestExit(first, isDryRun: true).amount == ChainScene.amount(20))
    #expect(try await account.requestExit(first).amount == ChainScene.amount(20))
    // By another ticket nothing more is asked for, and nothing else is said.
    let again = try await account.requestExit(try exit(15, first.batch))
    #expect(again.amount == nil && again.steps.isEmpty && again.notes.count == 1)
  }

  @Test func aNodeThatNamesAnotherSettlementGetsNothing() async throws {
    let scene = try await ChainScene.deploy()
    let found = await failure {
      _ = try await ChainAccount.open(
        client: scene.bridge.client { $0.expectedSettlement = scene.other.address },
        core: scene.contracts.core, key: scene.user, journal: scene.folder.url.appending(path: "other.sqlite")
      )
    }
    #expect(
      found
        == .wrongContract(
          address: scene.contracts.core, what: "settlement()", found: "\(scene.contracts.settlement)",
          expected: "\(scene.other.address)"))
    // Nor one that names another contract to check jobs, which a verifier would send its bond to.
    let checked = await failure {
      _ = try await ChainAccount.open(
        client: scene.bridge.client { $0.expectedVerification = scene.other.address },
        core: scene.contracts.core, key: scene.user, journal: scene.folder.url.appending(path: "other.sqlite")
      )
    }
    #expect(
      checked
        == .wrongContract(
          address: scene.contracts.core, what: "verification()", found: "\(scene.contracts.verification)",
          expected: "\(scene.other.address)"))
  }

  @Test func numbersOfALyingNodeAreNoTraps() async throws {
    let scene = try await ChainScene.deploy()
    let account = try await account(scene)
    let sender = try scene.sender { $0.gasMarginPercent = .max }
    let most = JSONValue.string("0xffffffffffffffff")
    let call = EmethCore.deposit(one)
    try await scene.bridge.fault("eth_estimateGas", "result", most)
    try await scene.bridge.fault("eth_getBlockByNumber", "patch", .object([.init("gasLimit", most)]))
    #expect(
      await failure { _ = try await sender.preview(call, to: scene.contracts.core) }?.code
        == "chain.insufficientFunds")
    // Tickets that would pay more than there can be.
    try await scene.bridge.fault(
      "eth_call", "result", .string("0x" + String(repeating: "f", count: 64)), count: 2)
    let tickets = [scene.user, scene.other].map { scene.ticket($0.address, epoch: 1, payout: 3) }
    let found = await failure { _ = try await account.redeem(tickets, isDryRun: true) }
    guard case .contradiction? = found else {
      Issue.record("a sum beyond 2^256")
      return
    }
  }

  /// Times at the end of all numbers, of an exit, a freeze, a claim and a block.
  @Test func timesOfALyingNodeAreNoTraps() async throws {
    let scene = try await ChainScene.deploy()
    let account = try await account(scene)
    func answers(_ words: [String]) async throws {
      let padded = words.map { String(repeating: "0", count: 64 - $0.count) + $0 }
      try await scene.bridge.fault("eth_call", "result", .string("0x" + padded.joined()))
    }
    let (most, all) = (String(repeating: "f", count: 16), String(repeating: "f", count: 64))
    // Not frozen, and an exit that was asked for at the end of time.
    try await answers(["0", "0"])
    try await answers([most, most])
    let late = JSONValue.object([.init("timestamp", .string("0x" + most))])
    try await scene.bridge.fault("eth_getBlockByNumber", "patch", late)
    #expect(
      await failure { _ = try await account.exitFrozen(nil, isDryRun: true) }?.code == "chain.reverted")
    try await scene.bridge.noFaults()
    // Frozen, with a claim that matures then, and deposits up to the last number.
    try await answers(["1", most])
    try await answers([most, all, most, "0"])
    try await answers(["1", "1", all, all, most, most])
    try await answers([most])
    let report = try await account.exitFrozen(nil, isDryRun: true)
    try await scene.bridge.noFaults()
    #expect(report.notes.contains { $0.contains("9999-12-31") }, "\(report.notes)")
    #expect(report.steps.isEmpty)
  }
}
