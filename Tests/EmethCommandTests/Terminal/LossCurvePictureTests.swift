import Foundation
import Testing

@testable import emeth_cli

@Suite struct LossCurvePictureTests {
  private var curve: LossCurve {
    var curve = LossCurve(title: "Loss of <tiny> & co")
    for step in 0..<200 {
      curve.addTrain(step: step, loss: 2 + 3.5 / (1 + Double(step) / 20))
    }
    curve.addTrain(step: 200, loss: .nan)
    for step in stride(from: 0, through: 200, by: 50) {
      curve.addValidation(step: step, loss: 2.2 + 3.3 / (1 + Double(step) / 20))
    }
    return curve
  }

  @Test func pictureIsAsRecorded() throws {
    let terminal = Terminal(isTerminal: false, columns: 64)
    try Golden.check(curve.picture(on: terminal), "loss-curve.txt")
  }

  @Test func degenerateSeriesAreDrawn() {
    #expect(LossCurve().isEmpty)
    #expect(LossCurve().picture(on: Terminal(isTerminal: false, columns: 80)) == "")
    var flat = LossCurve()
    flat.addTrain(step: 5, loss: 3)
    for terminal in [
      Terminal(isTerminal: false, columns: 1), Terminal(isTerminal: true, columns: 300, usesColor: true),
    ] {
      #expect(!flat.picture(on: terminal).isEmpty)
    }
  }

  @Test func brailleDots() {
    var canvas = BrailleCanvas(columns: 1, rows: 1)
    #expect(canvas[0, 0] == nil)
    canvas.set(x: 0, y: 0)
    #expect(canvas[0, 0] == "⠁")
    canvas.set(x: 1, y: 3)
    #expect(canvas[0, 0] == "⢁")
    canvas.set(x: 5, y: 5)
    canvas.drawLine(through: [(0, 0), (0, 3), (1, 3), (1, 0)])
    #expect(canvas[0, 0] == "⣿")
  }
}
