import EmethKit
import Foundation
import Hummingbird

/// SubJobs: what waits for a node, and what a node does with the one it takes.
extension Routes {
  /// Why a node gives a SubJob up.
  struct Decline: Codable, Sendable {
    var reason: String
  }

  func addWork() {
    // All that a filter says travels in the query; the answer depends on who asks, hence the signature.
    json(.get, "/api/v2/sub-jobs") { request, _, state -> [SubJobOffer] in
      let account = try await state.account(of: request)
      let filter = try request.subJobFilter()
      @Sendable func look() async throws -> [SubJobOffer] {
        try await state.offload { try state.service.openSubJobs(filter, for: account) }
      }
      let found = try await state.longPoll(waitSeconds: try request.wait(), forOffers: true) {
        let offers = try await look()
        return offers.isEmpty || SubJobOffer.mark(of: offers) == filter.seen ? nil : offers
      }
      if let found { return found }
      // What has come of it is told as it is, when the wait is over.
      return filter.seen == nil ? [] : try await look()
    }

    json(.get, "/api/v2/sub-jobs/:id") { _, context, state in
      let id = try context.jobID()
      return try await state.offload { try state.service.state(of: id) }
    }

    json(.post, "/api/v2/sub-jobs/:id/process") { request, context, state in
      let id = try context.jobID()
      let (account, binding) = try await state.signed(request, SignedKeyBinding.self)
      return try await state.offload { try state.service.process(id, by: account, binding: binding) }
    }

    json(.post, "/api/v2/sub-jobs/:id/renew") { request, context, state in
      let id = try context.jobID()
      let (account, _) = try await state.signedData(request, limit: 2)
      try await state.offload { try state.service.renew(id, by: account) }
      return Done()
    }

    json(.post, "/api/v2/sub-jobs/:id/decline") { request, context, state in
      let id = try context.jobID()
      let (account, body) = try await state.signed(request, Decline.self)
      try await state.offload { try state.service.decline(id, by: account, reason: body.reason) }
      return Done()
    }

    json(.post, "/api/v2/sub-jobs/:id/submit") { request, context, state in
      let id = try context.jobID()
      let (account, result) = try await state.signed(request, NodeResult.self)
      guard result.submission.submission.jobID == id else {
        throw RequestFailure(
          .badRequest, code: "submission.otherSubJob",
          "found a submission of \(result.submission.submission.jobID), the path names \(id)")
      }
      try await state.offload { try state.service.submit(result, by: account) }
      return Done()
    }

    json(.get, "/api/v2/nodes/:address") { request, context, state in
      let node = try context.address()
      let limit = try request.number("limit", in: 1...1_000) ?? 50
      let before = try request.number("before", in: 1...UInt32.max)
      return try await state.offload { try state.service.work(of: node, newest: limit, before: before) }
    }
  }
}

extension Request {
  /// The filter that a query describes.
  fileprivate func subJobFilter() throws(RequestFailure) -> SubJobFilter {
    var filter = SubJobFilter()
    filter.programs = try programs("programs")
    filter.withoutPrograms = try programs("withoutPrograms")
    filter.modules = try query("modules", "hashes of modules with commas between them") { text in
      let hashes = text.split(separator: ",").map { try? Bytes32(hex: String($0)) }
      return hashes.contains(nil) ? nil : Set(hashes.compactMap { $0 })
    }
    if let price = try query("minimumFuelPrice", "holon, a decimal number", { UInt256(decimal: $0) }) {
      filter.minimumFuelPrice = FuelPrice(holonPerFuel: price)
    }
    filter.seen = try query("seen", "0x and 64 hexadecimal digits") { try Bytes32(hex: $0) }
    filter.limit = try number("limit", in: 1...1_000) ?? filter.limit
    return filter
  }

  private func programs(_ name: String) throws(RequestFailure) -> Set<ProgramID> {
    try query(name, "program ids with commas between them") { text in
      let ids = text.split(separator: ",").map { UInt64(decimal: $0).flatMap { ProgramID(rawValue: $0) } }
      return ids.contains(nil) ? nil : Set(ids.compactMap { $0 })
    } ?? []
  }
}
