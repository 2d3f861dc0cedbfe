//! Binary operators with their modifiers.

use super::parser::{Parsed, Parser};
use super::token::TokenKind;
use crate::ast::{
    BinaryExpr, BinaryOp, Expr, ExprKind, Fill, GroupModifier, NumberLiteral, Side, ValueType, VectorMatching,
};

impl Parser<'_> {
    pub(super) fn peek_binary_op(&self) -> Option<BinaryOp> {
        let token = self.peek();
        Some(match token.kind {
            TokenKind::EqualEqual => BinaryOp::Equal,
            TokenKind::NotEqual => BinaryOp::NotEqual,
            TokenKind::Greater => BinaryOp::Greater,
            TokenKind::Less => BinaryOp::Less,
            TokenKind::GreaterOrEqual => BinaryOp::GreaterOrEqual,
            TokenKind::LessOrEqual => BinaryOp::LessOrEqual,
            TokenKind::TrimUpper => BinaryOp::TrimUpper,
            TokenKind::TrimLower => BinaryOp::TrimLower,
            TokenKind::Plus => BinaryOp::Add,
            TokenKind::Minus => BinaryOp::Subtract,
            TokenKind::Star => BinaryOp::Multiply,
            TokenKind::Slash => BinaryOp::Divide,
            TokenKind::Percent => BinaryOp::Modulo,
            TokenKind::Caret => BinaryOp::Power,
            TokenKind::Word => {
                let word = self.text(token);
                [BinaryOp::Or, BinaryOp::And, BinaryOp::Unless, BinaryOp::Atan2]
                    .into_iter()
                    .find(|op| op.as_str().eq_ignore_ascii_case(word))?
            }
            _ => return None,
        })
    }

    /// What follows a binary operator, and the operation it makes.
    pub(super) fn binary_tail(&mut self, op: BinaryOp, left: Expr) -> Parsed<Expr> {
        let bool_token = self.take_keyword("bool");
        if let Some(token) = bool_token
            && !op.is_comparison()
        {
            self.error(
                token.span,
                "bool modifier can only be used on comparison operators",
            );
        }
        let matching = self.vector_matching(op)?;
        let fill = self.fill_modifiers(op)?;
        let is_right_associative = op == BinaryOp::Power;
        let right = self.expression(op.precedence() + u8::from(!is_right_associative))?;
        let span = left.span().to(right.span());
        // Matching by no labels says nothing where there is but one vector, and is not held against the query.
        let has_scalar = [&left, &right]
            .iter()
            .any(|side| side.value_type() != ValueType::InstantVector);
        let matching = matching.filter(|matching| !(has_scalar && matching.labels.is_empty()));
        let kind = ExprKind::Binary(BinaryExpr {
            op,
            left: Box::new(left),
            right: Box::new(right),
            returns_bool: bool_token.is_some(),
            matching,
            fill,
        });
        self.node(kind, span)
    }

    fn vector_matching(&mut self, op: BinaryOp) -> Parsed<Option<VectorMatching>> {
        let is_on = self.at_keyword("on");
        if !is_on && !self.at_keyword("ignoring") {
            return Ok(None);
        }
        self.next();
        let labels = self.label_list("grouping opts")?;
        let many_side = if self.take_keyword("group_left").is_some() {
            Some(Side::Left)
        } else {
            self.take_keyword("group_right").map(|_| Side::Right)
        };
        let group = match many_side {
            Some(many_side) => Some(self.group_modifier(op, many_side, is_on, &labels)?),
            None => None,
        };
        Ok(Some(VectorMatching { is_on, labels, group }))
    }

    fn group_modifier(
        &mut self,
        op: BinaryOp,
        many_side: Side,
        is_on: bool,
        on_labels: &[String],
    ) -> Parsed<GroupModifier> {
        let start = self.peek().span;
        let labels = if self.peek().kind == TokenKind::LeftParen {
            self.label_list("grouping opts")?
        } else {
            Vec::new()
        };
        if op.is_set_operator() {
            self.error(
                start,
                format!("no grouping allowed for {:?} operation", op.as_str()),
            );
        }
        if let Some(label) = labels.iter().find(|label| is_on && on_labels.contains(label)) {
            self.error(
                start,
                format!("label {label:?} must not occur in ON and GROUP clause at once"),
            );
        }
        Ok(GroupModifier { many_side, labels })
    }

    /// `fill (1)`, or `fill_left (1)` and `fill_right (1)` in either order. The words are keywords only before a
    /// parenthesis.
    fn fill_modifiers(&mut self, op: BinaryOp) -> Parsed<Fill> {
        let mut fill = Fill::default();
        loop {
            let keyword = self.peek();
            let opens = self.peek_at(1).kind == TokenKind::LeftParen;
            let sides = [
                ("fill", true, true),
                ("fill_left", true, false),
                ("fill_right", false, true),
            ];
            let found = sides
                .into_iter()
                .find(|(word, ..)| opens && self.at_keyword(word));
            let Some((word, fills_left, fills_right)) = found else {
                return Ok(fill);
            };
            self.next();
            self.next();
            let value = self.fill_value()?;
            self.expect(TokenKind::RightParen, "fill modifier", "\")\"")?;
            if op.is_set_operator() {
                let message = "filling in missing series not allowed for set operators";
                self.error(keyword.span, message);
            }
            if (fills_left && fill.left.is_some()) || (fills_right && fill.right.is_some()) {
                self.error(
                    keyword.span,
                    format!("{word} fills a side that is filled already"),
                );
            }
            if fills_left {
                fill.left = Some(value);
            }
            if fills_right {
                fill.right = Some(value);
            }
        }
    }

    /// A number or a duration, perhaps with a sign.
    fn fill_value(&mut self) -> Parsed<NumberLiteral> {
        let start = self.peek();
        let is_negative = start.kind == TokenKind::Minus;
        if is_negative || start.kind == TokenKind::Plus {
            self.next();
        }
        if !matches!(self.peek().kind, TokenKind::Number | TokenKind::Duration) {
            return Err(self.unexpected("fill modifier", "a number"));
        }
        match self.number()?.kind() {
            ExprKind::Number(number) => Ok(NumberLiteral {
                value: if is_negative { -number.value } else { number.value },
                ..*number
            }),
            _ => Err(self.unexpected("fill modifier", "a number")),
        }
    }
}
