import Foundation
import Testing

@testable import EmethKit

@Suite struct MeanOfNumbersTests {
  private func mean(_ text: String) throws -> MeanOfNumbers { try MeanOfNumbers(part: Array(text.utf8)) }

  private func output(_ text: String) throws -> String {
    String(decoding: try mean(text).output, as: UTF8.self)
  }

  @Test(arguments: [
    ("1\n2\n3\n", "3,2\r\n"), ("1\r\n2\r\n", "2,1.5\r\n"), ("-1\n-2\n", "2,-1.5\r\n"), ("7", "1,7\r\n"),
    ("1\n0\n0\n", "3,0.333333333333\r\n"), ("2\n0\n0\n", "3,0.666666666667\r\n"), (" 4 \n\n\t6\n", "2,5\r\n"),
    ("1.5e2\n0.5\n", "2,75.25\r\n"), ("-0\n", "1,0\r\n"), ("", ""), ("x\n", ""),
    // Half of the last digit goes to the even one.
    ("0.000000000001\n0\n", "2,0\r\n"), ("0.000000000003\n0\n", "2,0.000000000002\r\n"),
    ("-0.000000000003\n0\n", "2,-0.000000000002\r\n"), ("0.1\n0.2\n", "2,0.15\r\n"),
  ])
  func knownMeans(text: String, expected: String) throws {
    #expect(try output(text) == expected)
  }

  @Test func linesThatAreNoNumbersAreCounted() throws {
    let mean = try mean("1\nabc\n1,5\n0x10\n1 2\n+1\n1000000000000000\n0.0000000000001\ninf\nnan\n3\n")
    #expect(mean.count == 2)
    #expect(mean.refused == 9)
    #expect(mean.mean == "2")
  }

  @Test func theMeansOfPartsGiveTheMeanOfTheWhole() throws {
    var generator = SeededGenerator()
    for _ in 0..<200 {
      let numbers = (0..<Int.random(in: 1...50, using: &generator)).map { _ in
        Int.random(in: -1_000_000...1_000_000, using: &generator)
      }
      let cut = Int.random(in: 0...numbers.count, using: &generator)
      func text(_ numbers: some Sequence<Int>) -> String { numbers.map { "\($0)\n" }.joined() }
      var joined = MeanOfNumbers()
      for part in [numbers[..<cut], numbers[cut...]] {
        try joined.add(MeanOfNumbers(output: Array(try output(text(part)).utf8)))
      }
      #expect(joined.count == numbers.count)
      let exact = Double(numbers.reduce(0, +)) / Double(numbers.count)
      let found = try #require(Double(joined.mean))
      #expect(abs(found - exact) < 1e-6, "\(numbers)")
      // To the last digit, the means of the parts being rounded ones.
      let whole = try #require(Decimal(string: try mean(text(numbers)).mean))
      let difference = try #require(Decimal(string: joined.mean)) - whole
      #expect(abs(difference) <= Decimal(sign: .plus, exponent: -12, significand: 1), "\(numbers), \(cut)")
    }
    var weighted = try MeanOfNumbers(output: Array("3,10\r\n".utf8))
    try weighted.add(MeanOfNumbers(output: Array("1,2\r\n".utf8)))
    #expect(String(decoding: weighted.output, as: UTF8.self) == "4,8\r\n")
  }

  @Test(arguments: ["3", "0,1\r\n", ",\r\n", "x,1\r\n", "1,x\r\n", "1,2,3\r\n", "-1,5\r\n"])
  func brokenOutputsAreRefused(text: String) {
    #expect(throws: ProgramError.self) { try MeanOfNumbers(output: Array(text.utf8)) }
  }

  @Test func sumsBeyond128BitsAreRefused() {
    #expect(throws: ProgramError.self) {
      try MeanOfNumbers(output: Array("18446744073709551615,999999999999999\r\n".utf8))
    }
  }
}
