import EmethKit
import Foundation
import Hummingbird

/// What the Execution Layer asks of nodes and verifiers, and how an account stands as a verifier.
extension Routes {
  /// A verifier's bond.
  struct Bond: Codable, Sendable {
    var amount: TokenAmount
    var binding: SignedKeyBinding
    /// Hashes of the modules that it can compute by; `nil` is none.
    var modules: [Bytes32]?
  }

  /// Commitments of a verifier, numbered from `first`.
  struct Commitments: Codable, Sendable {
    var first: UInt32
    var commitments: [Bytes32]
  }

  /// So many commitments are taken in one request.
  static let commitmentLimit = 10_000
  /// The longest answer to an errand, in bytes.
  static let answerLimit = 64 << 20

  /// The kinds of a list that this version knows: nodes and verifiers of a later one ask for more, of which there are none
  /// here; nil where it knows none.
  static func kinds(of text: String) -> [Errand.Kind]? {
    let kinds = text.split(separator: ",").compactMap { Errand.Kind(rawValue: String($0)) }
    return kinds.isEmpty ? nil : kinds
  }

  func addErrands() {
    // `known` names the errands that the client has in hand, `kinds` those that it asks for: the others of them are answered,
    // with ?wait= once there is one.
    json(.get, "/api/v2/errands") { request, _, state -> [Errand] in
      let account = try await state.account(of: request)
      let known = Set(
        try request.query("known", "ids with commas between them") {
          $0.split(separator: ",").map(String.init)
        }
          ?? [])
      let kinds = Set(
        try request.query("kinds", "kinds of errands with commas between them", Self.kinds(of:))
          ?? Errand.Kind.allCases)
      return try await state.longPoll(waitSeconds: try request.wait()) {
        let errands = try await state.offload {
          try state.service.errands(of: account, kinds: kinds, except: known)
        }
        return errands.isEmpty ? nil : errands
      } ?? []
    }

    json(.post, "/api/v2/errands/:id/answer") { request, context, state in
      let id = context.parameters.get("id") ?? ""
      let (account, body) = try await state.signedData(request, limit: Self.answerLimit)
      try await state.offload { try state.service.answer(id, by: account, body) }
      return Done()
    }

    json(.get, "/api/v2/verifiers/:address") { _, context, state in
      let account = try context.address()
      return try await state.offload { try state.service.verifier(account) }
    }

    json(.post, "/api/v2/verifiers/bond") { request, _, state in
      let (account, body) = try await state.signed(request, Bond.self)
      return try await state.offload {
        try state.service.postBond(
          upTo: body.amount, binding: body.binding, modules: body.modules ?? [], by: account)
        return try state.service.verifier(account)
      }
    }

    json(.post, "/api/v2/verifiers/leave") { request, _, state in
      let (account, _) = try await state.signedData(request, limit: 2)
      return try await state.offload {
        try state.service.leave(account)
        return try state.service.verifier(account)
      }
    }

    json(.post, "/api/v2/verifiers/commitments") { request, _, state in
      let (account, body) = try await state.signed(request, Commitments.self)
      guard body.commitments.count <= Self.commitmentLimit else {
        throw RequestFailure(
          .badRequest, code: "commitments.tooMany",
          "found \(body.commitments.count) commitments, allowed are \(Self.commitmentLimit) in one request")
      }
      return try await state.offload {
        try state.service.postCommitments(body.commitments, from: body.first, by: account)
        return try state.service.verifier(account)
      }
    }
  }
}
