import EmethKit
import Hummingbird

/// Balances, tickets and batches, which are public as they are on a chain, and withdrawals.
extension Routes {
  /// A request for a withdrawal.
  struct Withdrawal: Codable, Sendable {
    var amount: TokenAmount
  }

  /// A part of a batch's public file: the newest ticket of each account then, by account.
  struct BatchLeaves: Codable, Sendable {
    var leaves: [Ticket]
    /// What `after` names for the next part; none: this is the last.
    var next: Address?
  }

  /// Who has signed a batch.
  struct BatchSigners: Codable, Sendable {
    var signers: [Address]
  }

  private static let leavesAtOnce = 1_000

  func addMoney() {
    json(.get, "/api/v2/accounts/:address/balances") { _, context, state in
      let account = try context.address()
      return try await state.offload { try state.service.balances(of: account) }
    }

    json(.get, "/api/v2/accounts/:address/ticket") { _, context, state in
      let account = try context.address()
      guard let ticket = try await state.offload({ try state.service.ticket(of: account) }) else {
        throw RequestFailure(
          .notFound, code: "ticket.none", "\(account) has no ticket yet", details: ["account": "\(account)"],
          hint: "a ticket is signed at the end of an epoch in which an account's balance changed")
      }
      return ticket
    }

    // The account's leaf of a closed epoch: what the chain's contract takes without anybody's signature but the batch's.
    json(.get, "/api/v2/accounts/:address/proven-ticket") { request, context, state in
      let account = try context.address()
      let batch =
        try request.query("batch", "newest, posted or an epoch, from 1") { ProvenBatch($0) } ?? .newest
      let (epoch, proven) = try await state.offload { [service = state.service] in
        let epoch = try service.epoch(of: batch)
        return (epoch, try epoch.flatMap { try service.provenTicket(of: account, epoch: $0) })
      }
      guard let epoch else {
        throw RequestFailure(
          .notFound, code: "batch.none", "there is no such batch yet", details: ["batch": batch.text],
          hint: batch == .posted ? "the chain has no batch of this network yet" : nil)
      }
      guard let proven else {
        throw RequestFailure(
          .notFound, code: "ticket.none", "\(account) has no ticket in the batch of epoch \(epoch)",
          details: ["account": "\(account)", "epoch": "\(epoch)"],
          hint: "a ticket is signed at the end of an epoch in which an account's balance changed")
      }
      return proven
    }

    json(.get, "/api/v2/batches/latest") { _, _, state in
      try await Self.batch { try state.service.latestBatch() }(state)
    }

    // Of a Signer of several keys: the batch that its members are to sign.
    json(.get, "/api/v2/batches/asked") { _, _, state in
      guard let batch = try await state.offload({ try state.service.askedBatch() }) else {
        throw RequestFailure(.notFound, code: "batch.none", "no batch waits for signatures")
      }
      return batch
    }

    json(.get, "/api/v2/batches/:epoch") { _, context, state in
      let epoch = try context.epoch()
      return try await Self.batch { try state.service.batch(epoch: epoch) }(state)
    }

    json(.get, "/api/v2/batches/:epoch/leaves") { request, context, state in
      let epoch = try context.epoch()
      let after = try request.query("after", "0x and 40 hexadecimal digits") { try Address($0) }
      return try await state.offload { [service = state.service] in
        guard try service.batch(epoch: epoch) != nil else {
          throw RequestFailure(.notFound, code: "batch.none", "there is no such batch yet")
        }
        let page = try service.leaves(epoch: epoch, after: after, limit: Self.leavesAtOnce)
        return BatchLeaves(leaves: page.tickets.map(\.ticket), next: page.last?.ticket.account)
      }
    }

    json(.post, "/api/v2/batches/:epoch/cosignatures") { request, context, state in
      let epoch = try context.epoch()
      let (account, added) = try await state.signed(request, Cosignature.self)
      guard added.signer == account else {
        throw RequestFailure(
          .forbidden, code: "batch.forbidden", "\(account) gives a signature of \(added.signer)",
          hint: "who has signed gives it")
      }
      return BatchSigners(signers: try await state.service.cosign(epoch: epoch, with: [added]))
    }

    json(.post, "/api/v2/withdrawals") { request, _, state in
      let (account, body) = try await state.signed(request, Withdrawal.self)
      return try await state.offload { try state.service.withdraw(body.amount, by: account) }
    }
  }

  private static func batch(
    _ read: @escaping @Sendable () throws -> SignedBatch?
  ) -> (ServerState) async throws -> SignedBatch {
    { state in
      guard let batch = try await state.offload(read) else {
        throw RequestFailure(.notFound, code: "batch.none", "there is no such batch yet")
      }
      return batch
    }
  }
}
