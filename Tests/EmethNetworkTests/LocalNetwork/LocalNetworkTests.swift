import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct LocalNetworkTests {
  @Test func anHonestJobIsVerifiedPaidAndClosed() async throws {
    var settings = try NetworkSettings(nodes: 3)
    settings.auditOneIn = .max
    let finished = try await TestNetwork.run(settings: settings)
    let report = finished.report
    #expect(report.status == "VERIFIED")
    #expect(report.subJobs.count == 6)
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 })
    let initial = try #require(report.initialLoss)
    let last = try #require(report.validationLoss)
    #expect(
      initial > 5 && initial < 6, "a model that knows nothing of 256 bytes has a loss near ln 256 = 5.55")
    #expect(last < initial - 0.3)

    #expect(report.conservation.holds)
    #expect(report.conservation.locked == .zero)
    #expect(report.conservation.burned == .zero)
    #expect(try finished.network.audit() == report.conservation)

    // Fees: what the requester no longer has is what nodes and verifiers earned, and each verifier's fee is V.
    let cost = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 3, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard")
    let nodes = report.accounts.filter { $0.role == "node" }
    let verifiers = report.accounts.filter { $0.role == "verifier" }
    #expect(nodes.reduce(TokenAmount.zero) { $0 + $1.earned } == cost.terms.feeLimit)
    #expect(verifiers.reduce(TokenAmount.zero) { $0 + $1.earned } == cost.terms.verifierFee)
    #expect(report.accounts.allSatisfy { $0.penalty == .zero })
  }

  @Test func everyAccountHasATicketThatChecks() async throws {
    let report = try await TestNetwork.run(settings: NetworkSettings(nodes: 3)).report
    #expect(report.tickets.count == report.accounts.count)
    let batch = try #require(report.batch)
    for ticket in report.tickets {
      try ticket.check(signer: batch.signer)
      let account = try #require(report.accounts.first { $0.address == ticket.ticket.account })
      #expect(ticket.ticket.cumulativePayout == account.earned)
      #expect(
        ticket.ticket.cumulativePayout + ticket.ticket.unspent + ticket.ticket.locked == account.balance)
      #expect(ticket.ticket.locked == .zero)
    }
  }

  @Test func theBitsDependOnNeitherThreadsNorNodesNorChecks() async throws {
    let reference = try await TestNetwork.run(settings: NetworkSettings(nodes: 3), threads: 1).report
    let root = try #require(reference.stateRoot)
    for (nodes, threads, check) in [(3, 2, 2), (1, 2, 1), (5, 3, 1)] as [(Int, Int, Int)] {
      let report = try await TestNetwork.run(
        settings: NetworkSettings(nodes: nodes, check: .drawn(check)), threads: threads
      ).report
      #expect(report.status == "VERIFIED")
      #expect(report.stateRoot == root, "\(nodes) nodes, \(threads) threads")
    }
    let again = try await TestNetwork.run(settings: NetworkSettings(nodes: 3), threads: 2).report
    #expect(
      try again.comparable == reference.comparable, "one seed, one result: SubJobs, balances, tickets, batch")
  }

  @Test func morePartsThanNodesAndMoreNodesThanParts() async throws {
    let few = try await TestNetwork.run(settings: NetworkSettings(nodes: 2), parallel: 5).report
    #expect(few.status == "VERIFIED")
    #expect(few.subJobs.count == 10)
    #expect(Set(few.subJobs.compactMap(\.node)) == [1, 2])
    let many = try await TestNetwork.run(settings: NetworkSettings(nodes: 6), parallel: 2).report
    #expect(many.status == "VERIFIED")
    #expect(many.subJobs.count == 4)
  }

  @Test func aDeadNodeIsTimedOutAndReplaced() async throws {
    let honest = try await TestNetwork.run(settings: NetworkSettings(nodes: 3)).report
    let report = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 3, fault: FaultPlan(fault: .stall, node: 1))
    ).report
    #expect(report.status == "VERIFIED")
    #expect(report.stateRoot == honest.stateRoot)
    let late = report.subJobs.filter { $0.status == "TIMEOUT" }
    #expect(late.count == 1)
    #expect(late.first?.node == 1)
    let terms = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 3, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard"
    ).subJobTerms
    #expect(report.conservation.burned == terms.timeoutPenalty)
    #expect(report.accounts.first { $0.role == "node" && $0.number == 1 }?.penalty == terms.timeoutPenalty)
  }

  @Test func aJobWhoseOnlyNodeIsDeadFailsAndTheEscrowReturns() async throws {
    let finished = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 1, fault: FaultPlan(fault: .stall, node: 1)), parallel: 1, attempts: 1)
    #expect(finished.report.status == "FAILED")
    #expect(finished.report.conservation.holds && finished.report.conservation.locked == .zero)
    let requester = try #require(finished.report.accounts.first { $0.role == "requester" })
    #expect(requester.balance == (try TokenAmount(emeth: "1")), "the requester paid for nothing")
    #expect(throws: NetworkError.self) {
      try finished.network.exportModel(of: finished.job, to: finished.folder.url.appending(path: "model"))
    }
  }

  @Test(arguments: ["core-2023", "core-2023-initial"])
  func otherRuleSetsCloseToo(ruleSet: String) async throws {
    let report = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 2, check: .all, fault: FaultPlan(fault: .skipSteps, node: 1)),
      parallel: 2,
      ruleSet: ruleSet
    ).report
    #expect(report.status == "VERIFIED")
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    #expect(report.subJobs.filter { $0.status == "FAILED" }.count == 1)
  }
}
