import EmethKit
import Foundation
import Hummingbird

/// What third parties check a job by that is too large for JSON.
extension Routes {
  func addRecords() {
    // As public as the records that they belong to; they never change once they are there.
    add(.get, "/api/v2/jobs/:id/leaves") { request, context, state in
      let id = try context.jobID()
      let file = try await state.offload { try state.service.leaves(of: id) }
      let tag = SHA256.hash(Array("leaves of \(id)".utf8))
      return try await FileAnswer(file, tag: tag, request).response(state)
    }
  }
}
