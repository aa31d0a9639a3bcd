import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What nodes hand in on a chain, as text.
@Suite struct ResultTextTests {
  private let job = JobID(requester: .zero, salt: .zero)
  private let node = TestKeys.requester.address

  @Test func aResultIsReadAsItWasWritten() {
    let file = JobFile(.output, of: job, from: node)
    let output = LayerOneResult.output(JobFileReference(file, contentHash: SHA256.hash([1])))
    #expect(LayerOneResult(output.text, of: job, from: node) == output)
    #expect(output.text.hasPrefix("output/output-\(job)-") && output.openings == SHA256.hash([1]))
    // Another node's, another job's, an input, or one without its hash.
    #expect(LayerOneResult(output.text, of: job, from: .zero) != output)
    #expect(LayerOneResult(output.text, of: JobID(requester: node, salt: .zero), from: node) == nil)
    let input = JobFileReference(JobFile(.input, of: job, from: node), contentHash: .zero)
    for wrong in [input.text, file.name, "", "refused", "0x00"] {
      #expect(LayerOneResult(wrong, of: job, from: node) == nil, "\(wrong)")
    }
  }

  @Test func aModulesNoFitsIntoTheContract() {
    let no = LayerOneResult(refusal: "line 3: no number")
    #expect(no.text == "refused: line 3: no number")
    #expect(LayerOneResult(no.text, of: job, from: node) == no)
    let long = LayerOneResult(refusal: String(repeating: "猫", count: 2_000))
    #expect(long.text.utf8.count <= 1_024 && long.text.hasSuffix("猫"))
    #expect(LayerOneResult(long.text, of: job, from: node) == long)
  }
}
